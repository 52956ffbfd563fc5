package daemon

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"o365-kafka-connector/internal/audit"
)

// tellings remembers status messages.
type tellings struct {
	mu       sync.Mutex // guards the following
	messages []audit.StatusMessage
}

func (t *tellings) Tell(_ context.Context, messages []audit.StatusMessage) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.messages = append(t.messages, messages...)
	return errors.New("no broker")
}

func (t *tellings) all() []audit.StatusMessage {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.messages)
}

func TestEndOfACredentialIsToldDaily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, out := &buffer{}, &tellings{}
		now := time.Now()
		contoso := audit.Tenant{ID: "1", Name: "contoso"}
		all := []audit.Credential{
			{Tenant: contoso, Kind: "certificate", Expires: now.Add(32 * 24 * time.Hour), Hint: "make a new one"},
			{Tenant: contoso, Kind: "client_secret", Expires: now.Add(400 * 24 * time.Hour)},
		}
		d := &Daemon{log: slog.New(slog.NewTextHandler(log, nil))}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); d.watch(ctx, out, func() []audit.Credential { return all }) }()

		for _, step := range []struct {
			wait                time.Duration
			soon, over, message int
		}{
			{47 * time.Hour, 0, 0, 0},
			{2 * time.Hour, 1, 0, 1},
			{23 * time.Hour, 1, 0, 1},
			{2 * time.Hour, 2, 0, 2},
			{29*24*time.Hour - 3*time.Hour, 30, 0, 30},
			{48 * time.Hour, 30, 2, 32},
		} {
			time.Sleep(step.wait)
			synctest.Wait()
			soon, over := log.count("credential expires soon"), log.count("credential has expired")
			if soon != step.soon || over != step.over || len(out.all()) != step.message {
				t.Errorf("after %s: told %d times that it ends, %d that it has ended, %d messages; want %+v", time.Since(now), soon, over,
					len(out.all()), step)
			}
		}
		m := out.all()[0]
		if m.Stream.Tenant != contoso || m.Kind != "credential_expiring" || !m.To.Equal(all[0].Expires) || !strings.Contains(m.Message, "make a new one") {
			t.Errorf("message %+v", m)
		}
		cancel()
		<-done
	})
}
