package audit

import (
	"errors"
	"time"
)

// Cause names why something did not work: a constant for logs, metrics and headers.
type Cause string

// The causes.
const (
	CauseTransport      Cause = "transport"       // no answer: DNS, connection, TLS, proxy
	CauseTimeout        Cause = "timeout"         // no byte within the deadline
	CauseTooSlow        Cause = "too-slow"        // a listing that times out at the longest deadline: ask for less
	CauseServer         Cause = "server-error"    // 5xx, 408, AF5xxxx
	CauseThrottled      Cause = "throttled"       // AF429
	CauseUnauthorized   Cause = "unauthorized"    // 401 with a fresh token
	CauseCredentials    Cause = "credentials"     // the token endpoint refuses us
	CauseNoPermission   Cause = "no-permission"   // AF10001
	CauseSubscription   Cause = "no-subscription" // AF20022, AF20023
	CauseStartThrottled Cause = "start-throttled" // a second start inside 15 minutes
	CauseAuditOff       Cause = "audit-off"       // the tenant is unknown to the audit service
	CauseTenant         Cause = "tenant"          // AF2001x: wrong, deleted or badly configured tenant
	CauseWindow         Cause = "window"          // AF20030, AF20055: the window is refused
	CausePage           Cause = "page"            // AF20031, looping or foreign page link: list the window again
	CauseRequest        Cause = "request"         // AF2000x, AF20020: a bug or a wrong setting of ours
	CauseNotFound       Cause = "not-found"       // AF20050, 404
	CauseExpired        Cause = "expired"         // AF20051, or past contentExpiration
	CauseBadContentID   Cause = "bad-content-id"  // AF20052
	CauseCut            Cause = "cut"             // the body ended early
	CauseMalformed      Cause = "malformed"       // the body is complete and not a JSON array
	CauseTooLarge       Cause = "too-large"       // the broker refuses a message of this size
	CauseRefused        Cause = "refused"         // the broker refuses a message for another reason
	CauseAge            Cause = "age"             // older than the 7 days that the API keeps
	CauseStopped        Cause = "stopped"         // the subscription was off: an operator stopped it
	CauseSkipped        Cause = "skipped"         // an operator moved the watermark past it
	CauseSpool          Cause = "spool"           // no room for a temporary file
	CauseSink           Cause = "sink"            // Kafka is away or refuses us
	CauseCheckpoint     Cause = "checkpoint"      // Redis is away or refuses us
)

// Scope says what a fault concerns, and so what has to wait.
type Scope int

// The scopes.
const (
	OfBlob   Scope = iota + 1 // an answer about this very blob: others go on
	OfStream                  // nothing of this stream can work
	OfTenant                  // nothing of this tenant can work
)

// Fault is an error that tells what it concerns and what to do about it.
type Fault struct {
	Cause      Cause
	Scope      Scope
	Hint       string        // what the operator can do; may be empty
	RetryAfter time.Duration // what the other side asked for; 0 if it did not
	SHA256     string        // of a complete malformed body
	Err        error
}

// Error returns the text of the wrapped error.
func (f *Fault) Error() string { return f.Err.Error() }

// Unwrap returns the wrapped error.
func (f *Fault) Unwrap() error { return f.Err }

// AsFault finds the fault in err's chain. Any other error is a fault of the stream whose cause is unknown to the
// caller: fallback.
func AsFault(err error, fallback Cause) *Fault {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f
	}
	return &Fault{Cause: fallback, Scope: OfStream, Err: err}
}
