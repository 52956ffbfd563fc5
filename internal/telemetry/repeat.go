package telemetry

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"o365-kafka-connector/internal/audit"
)

// repeatEvery is how often a failure that goes on is logged again.
const repeatEvery = 5 * time.Minute

// Repeat logs a failure that is met again and again: once when it begins or changes, then every five minutes with the
// number of times, and once when it is over. The zero value is ready; calls may be concurrent.
type Repeat struct {
	mu sync.Mutex // guards the following

	cause  string
	logged time.Time
	count  int
}

// Fail takes note of one more failure. Cause tells one kind of failure from another; the error is logged.
func (r *Repeat) Fail(log *slog.Logger, cause string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()

	r.count++
	if cause == r.cause && time.Since(r.logged) < repeatEvery {
		return
	}
	if cause != r.cause {
		r.count = 1
	}
	r.cause, r.logged = cause, time.Now()
	log.Warn("dependency is failing: trying again", slog.String("cause", cause), slog.Any("error", err),
		slog.String("hint", hint(err)), slog.Int("times", r.count))
}

// Recover takes note that it works again, and says so if it had failed.
func (r *Repeat) Recover(log *slog.Logger) {
	r.mu.Lock()
	defer r.mu.Unlock()

	if r.cause == "" {
		return
	}
	log.Info("dependency works again", slog.String("cause", r.cause), slog.Int("times", r.count))
	r.cause, r.count = "", 0
}

func hint(err error) string {
	if f, ok := errors.AsType[*audit.Fault](err); ok {
		return f.Hint
	}
	return ""
}
