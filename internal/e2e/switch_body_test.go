package e2e

import (
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/emulator"
)

// A body that takes longer than the time-out is read to its end as long as bytes arrive.
func TestSlowBodyIsNotCut(t *testing.T) {
	t.Parallel()
	c := play(t, setup{
		api:      emulator.Config{BacklogRecords: 80, RecordBytes: 1000},
		faults:   []emulator.Fault{{Kind: emulator.SlowBody, Operation: "blob", Bytes: 5 << 10}},
		settings: map[string]any{"source.timeout": "3s"},
	})
	began := time.Now()
	c.delivers(30 * time.Second)
	if took := time.Since(began); took < 4*time.Second {
		t.Errorf("it took %s, too little to show anything", took)
	}
	if got := c.api.Stats().Count("blob", "200 cut"); got != 0 {
		t.Errorf("%d bodies were cut", got)
	}
	if got := c.api.Stats().Count("blob", ""); got != 4 {
		t.Errorf("blobs were asked for %d times, want 4", got)
	}
}

// A listing whose body is slow is read, too.
func TestSlowListingBodyIsNotCut(t *testing.T) {
	t.Parallel()
	c := play(t, setup{
		faults:   []emulator.Fault{{Kind: emulator.SlowBody, Operation: "content", Bytes: 500}},
		settings: map[string]any{"source.timeout": "3s"},
	})
	c.delivers(30 * time.Second)
	if got := c.api.Stats().Count("content", "200 cut"); got != 0 {
		t.Errorf("%d listings were cut", got)
	}
}

// A body in which nothing arrives for longer than the time-out is given up and asked for again.
func TestSilentBodyIsAskedForAgain(t *testing.T) {
	t.Parallel()
	c := play(t, setup{
		faults:   []emulator.Fault{{Kind: emulator.SlowBody, Operation: "blob", Bytes: 1, First: 2}},
		settings: map[string]any{"source.timeout": "700ms"},
	})
	c.delivers(20 * time.Second)
	if got := c.api.Stats().Count("blob", "200 cut"); got < 2 {
		t.Errorf("%d bodies were given up, want 2 at least", got)
	}
}

// A blob whose answers stay useless is remembered with none of its records delivered. It is asked for again
// later, as a whole, and the others do not wait for it.
func TestUselessBlobIsPendingAndRetried(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]emulator.Fault{
		"not-json":     {Kind: emulator.NotJSON},
		"short-json":   {Kind: emulator.ShortJSON},
		"object":       {Kind: emulator.AsObject},
		"empty":        {Kind: emulator.EmptyReply},
		"cut":          {Kind: emulator.Cut},
		"server-error": {Kind: emulator.ServerError},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fault.ContentType, fault.Operation = emulator.General, "blob"
			c := play(t, setup{api: emulator.Config{BacklogRecords: 80}, faults: []emulator.Fault{fault}})
			c.await("the other stream is read", 5*time.Second, func() bool {
				return c.delivered("", emulator.Exchange) == c.offered("", emulator.Exchange)
			})
			c.await("both blobs are pending", 20*time.Second, func() bool { return c.stream(emulator.General).PendingBlobs == 2 })
			if v := c.verdict(); v.Lost != 0 || v.Pending != 40 || c.delivered("", emulator.General) != 0 {
				t.Errorf("%+v, want nothing lost and nothing of a bad blob delivered", v)
			}
			asked := c.api.Stats().CountOf("", emulator.General, "blob", "")
			if asked < 6 || asked > 8 { // the first may have been tried again
				t.Errorf("two blobs were asked for %d times, want 6", asked)
			}
			if state := c.stream(emulator.General).State; state == audit.StateFailing {
				t.Errorf("the stream is %s for the sake of a blob", state)
			}
			c.faults()
			c.delivers(90 * time.Second)
			if got := c.api.Stats().CountOf("", emulator.General, "blob", "") - asked; got < 2 || got > 4 {
				t.Errorf("pending blobs were asked for %d times, want 2", got)
			}
		})
	}
}
