package source

import (
	"time"

	"o365-kafka-connector/internal/audit"
)

// Meter counts what the client does. Calls are concurrent and must not block. The stream of a request that concerns
// the tenant as a whole has no content type.
type Meter interface {
	// Request observes an answered or failed request. The code is the AF code of a refusal, else the HTTP status,
	// else the cause for which no answer came. The time is that until the answer's header.
	Request(s audit.Stream, operation, code string, took time.Duration)
	// Throttled observes time for which a request was held back by the tenant's budget.
	Throttled(s audit.Stream, waited time.Duration)
}

type noMeter struct{}

func (noMeter) Request(audit.Stream, string, string, time.Duration) {}
func (noMeter) Throttled(audit.Stream, time.Duration)               {}
