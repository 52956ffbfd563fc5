package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"o365-kafka-connector/internal/audit"
)

// Outcome says what became of a command.
type Outcome string

// The outcomes.
const (
	OutcomeDone           Outcome = "done"
	OutcomeAlreadyEnabled Outcome = "already_enabled"
	OutcomeAlreadyStopped Outcome = "already_stopped"
	OutcomeAccepted       Outcome = "accepted" // is being done
	OutcomeRefused        Outcome = "refused"  // not allowed, or not now
	OutcomeExpired        Outcome = "expired"
	OutcomeUnknown        Outcome = "unknown_command"
	OutcomeInvalid        Outcome = "invalid"
	OutcomeFailed         Outcome = "failed"
)

// Good reports whether a reply with this outcome has the status ok.
func (o Outcome) Good() bool {
	switch o {
	case OutcomeDone, OutcomeAlreadyEnabled, OutcomeAlreadyStopped, OutcomeAccepted:
		return true
	case OutcomeRefused, OutcomeExpired, OutcomeUnknown, OutcomeInvalid, OutcomeFailed:
	}
	return false
}

// The statuses of a reply.
const (
	StatusOK    = "ok"
	StatusError = "error"
)

// Reply is one part of the answer to a command. Who makes one fills in Outcome, HumanReadable and Context.
type Reply struct {
	ID            string          `json:"id"`
	Command       string          `json:"command"` // a Name, or what the sender called it
	Tenant        string          `json:"tenant"`  // GUID; empty for all
	Status        string          `json:"status"`  // ok or error
	Outcome       Outcome         `json:"outcome"`
	HumanReadable string          `json:"human_readable"`
	Context       json.RawMessage `json:"context"` // an object
	Error         *Problem        `json:"error"`   // nil if Status is ok
	Part          int             `json:"part"`    // from 1
	Last          bool            `json:"last"`
}

// Problem is why a command was not done.
type Problem struct {
	Code    string `json:"code"` // a constant
	Message string `json:"message"`
	Hint    string `json:"hint"` // what to do; may be empty
}

// Context writes v as the context of a reply.
func Context(v any) (json.RawMessage, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write context: %w", err)
	}
	return b, nil
}

// Refusal is an error that says why a command was not done, and what its reply's outcome is.
type Refusal struct {
	Outcome Outcome
	Code    string
	Message string
	Hint    string
	Err     error // what lies behind; may be nil
}

// Error returns message and hint.
func (r *Refusal) Error() string {
	if r.Hint == "" {
		return r.Message
	}
	return r.Message + ": " + r.Hint
}

// Unwrap returns what lies behind.
func (r *Refusal) Unwrap() error { return r.Err }

// AsRefusal turns any error of a command into a refusal; what is none has failed.
func AsRefusal(err error) *Refusal {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r
	}
	r := &Refusal{Outcome: OutcomeFailed, Code: string(OutcomeFailed), Message: err.Error(), Err: err}
	if f, ok := errors.AsType[*audit.Fault](err); ok {
		r.Code, r.Hint = string(f.Cause), f.Hint
	}
	return r
}

// ErrorReply is the reply to a command that was not done.
func ErrorReply(c Command, err error) Reply {
	r := AsRefusal(err)
	return complete(c, Reply{
		Outcome: r.Outcome, HumanReadable: r.Error(),
		Error: &Problem{Code: r.Code, Message: r.Message, Hint: r.Hint},
	})
}

// complete fills in what follows from the command and the outcome.
func complete(c Command, r Reply) Reply {
	r.ID, r.Command = c.ID, string(c.Name)
	if r.Command == "" {
		r.Command = clip(c.Typed)
	}
	if r.Tenant == "" {
		r.Tenant = c.Tenant
	}
	if r.Outcome == "" {
		r.Outcome = OutcomeDone
	}
	r.Status = StatusOK
	if !r.Outcome.Good() {
		r.Status = StatusError
		if r.Error == nil {
			r.Error = &Problem{Code: string(r.Outcome), Message: r.HumanReadable}
		}
	}
	if len(r.Context) == 0 {
		r.Context = json.RawMessage("{}")
	}
	r.Part = max(r.Part, 1)
	return r
}

// clip keeps what a stranger wrote from filling our replies.
func clip(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

func quote(s string) string { return strconv.Quote(clip(s)) }

func join[S ~string](list []S) string {
	var out []string
	for _, s := range list {
		out = append(out, string(s))
	}
	return strings.Join(out, ", ")
}
