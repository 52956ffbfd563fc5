package e2e

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/emulator"
)

// live offers records from the start of the daemon on, in a stream of many small blobs.
func live(rate float64, perBlob int) emulator.Config {
	return emulator.Config{Rate: rate, RecordsPerBlob: perBlob, ContentTypes: []string{emulator.General}}
}

// A blob that appears after its window was read is found by the overlap, without a sweep.
func TestPublicationDelayIsCoveredByTheOverlap(t *testing.T) {
	t.Parallel()
	c := play(t, setup{
		api:      live(40, 10),
		faults:   []emulator.Fault{{Kind: emulator.PublicationDelay, Delay: 3 * time.Second}},
		settings: map[string]any{"source.overlap": "10s", "source.sweep.interval": "30m"},
	})
	c.offersFor(4 * time.Second)
	time.Sleep(4 * time.Second) // until the last one appears
	c.delivers(10 * time.Second)
}

// A blob that appears later than the overlap reaches is found by a sweep.
func TestLateBlobIsFoundBySweep(t *testing.T) {
	t.Parallel()
	c := play(t, setup{
		api:      live(40, 10),
		faults:   []emulator.Fault{{Kind: emulator.Late, Probability: 0.5, Delay: 5 * time.Second}},
		settings: map[string]any{"source.overlap": "1s", "source.sweep.interval": "2s"},
	})
	c.offersFor(4 * time.Second)
	time.Sleep(6 * time.Second) // until the last one appears
	c.delivers(10 * time.Second)
}

// Blobs of one millisecond that appear one after the other are told apart.
func TestSameMillisecondLosesNothing(t *testing.T) {
	t.Parallel()
	c := play(t, setup{
		api: live(40, 5),
		faults: []emulator.Fault{
			{Kind: emulator.SameMillisecond, Count: 8},
			{Kind: emulator.Late, Probability: 0.3, Delay: 2 * time.Second},
			{Kind: emulator.PageSize, Count: 3},
		},
	})
	c.offersFor(4 * time.Second)
	time.Sleep(3 * time.Second)
	c.delivers(10 * time.Second)
}

// A blob that is listed from its own second on may come with half of its records; windows begin earlier than what is
// taken from them.
func TestPartialBlobIsReadWhole(t *testing.T) {
	t.Parallel()
	c := play(t, setup{
		api:      live(100, 5),
		faults:   []emulator.Fault{{Kind: emulator.PartialBlob}},
		settings: map[string]any{"source.overlap": "0s", "source.sweep.interval": "30m"},
	})
	c.offersFor(5 * time.Second)
	c.delivers(10 * time.Second)
}

// A blob that is listed in two windows is fetched once, also when a restart lies between them.
func TestListedTwiceIsDeliveredOnce(t *testing.T) {
	t.Parallel()
	c := play(t, setup{
		api:      live(40, 10),
		faults:   []emulator.Fault{{Kind: emulator.ListedTwice, Delay: 3 * time.Second}},
		settings: map[string]any{"source.overlap": "1s", "source.sweep.interval": "30m"},
	})
	c.offersFor(3 * time.Second)
	c.catchesUp(10 * time.Second)
	c.stop()
	c.run()
	time.Sleep(4 * time.Second)
	c.delivers(10 * time.Second)
}

// The expired blob is written down, and holds up nothing.
func TestExpiredListedBlobBecomesAGap(t *testing.T) {
	t.Parallel()
	c := play(t, setup{faults: []emulator.Fault{{Kind: emulator.ExpiredListed, ContentType: emulator.General, After: 2, First: 2}}})
	c.delivers(5 * time.Second)
	if got := c.api.Stats().Count("blob", "400 AF20051"); got != 0 {
		t.Errorf("expired blobs were asked for %d times", got)
	}
	if got := len(c.out.letters); got != 2 {
		t.Fatalf("%d dead letters, want 2: %v", got, c.out.letters)
	}
	gone := unavailable(c)
	for _, l := range c.out.letters {
		if l["cause"] != "expired" || l["kind"] != "blob" || !gone[l["content_id"]] {
			t.Errorf("dead letter: %v, want one of an expired blob", l)
		}
	}
	count := 0
	for _, g := range c.stream(emulator.General).Gaps {
		if g.Cause != audit.CauseExpired || !g.From.Before(g.To) {
			t.Errorf("gap: %+v, want cause expired", g)
		}
		count += g.Count
	}
	told := 0
	for _, s := range c.out.statuses {
		if s.Kind == "gap" && s.Cause == "expired" && s.ContentType == emulator.General {
			told += s.Count
		}
	}
	if count != 2 || told != 2 {
		t.Errorf("gaps of %d blobs are shown and %d told, want 2", count, told)
	}
	if s := c.stream(emulator.General); s.PendingBlobs != 0 || s.LagSeconds > 30 {
		t.Errorf("stream has %d pending blobs and a lag of %.0f s", s.PendingBlobs, s.LagSeconds)
	}
}

func unavailable(c *scene) map[string]bool {
	ids := map[string]bool{}
	for b := range c.api.Truth("", "") {
		if b.Unavailable != "" {
			ids[b.ContentID] = true
		}
	}
	return ids
}

// A blob that is listed and not there is remembered, and holds up nothing.
func TestLostBlobBecomesPending(t *testing.T) {
	t.Parallel()
	c := play(t, setup{faults: []emulator.Fault{{Kind: emulator.LostBlob, ContentType: emulator.General, After: 2, First: 1}}})
	c.catchesUp(4 * time.Second)
	c.await("one blob is pending", 20*time.Second, func() bool { return c.stream(emulator.General).PendingBlobs == 1 })
	pending := c.daemon.Pending()
	for id := range unavailable(c) {
		if !pending[id] {
			t.Errorf("pending are %v, want %s", pending, id)
		}
	}
	c.await("the window goes on", 5*time.Second, func() bool { return c.stream(emulator.General).LagSeconds < 10 })
	s := c.stream(emulator.General)
	if s.LastError == nil || s.LastError.Hint == "" {
		t.Errorf("last error: %+v, want one with a hint", s.LastError)
	}
	if len(s.Gaps)+len(c.out.letters) != 0 {
		t.Errorf("gaps %v, dead letters %v; want none: it may still come", s.Gaps, c.out.letters)
	}
	if got := c.api.Stats().Count("blob", "404 AF20050"); got < 3 || got > 5 { // it may have been tried again since
		t.Errorf("the blob was asked for %d times, want 3", got)
	}
	c.delivers(5 * time.Second)

	c.stop()
	c.run()
	c.await("the blob is pending after a restart", 10*time.Second, func() bool { return c.stream(emulator.General).PendingBlobs == 1 })
	c.delivers(5 * time.Second)
}

// An address that leads elsewhere is not followed: the blob is fetched from the configured host.
func TestWrongURIIsRebuilt(t *testing.T) {
	t.Parallel()
	other := newStranger(t)
	for name, text := range map[string]string{
		"http://localhost":              "",
		"another host":                  other.URL + "/api/v1.0/" + emulator.DefaultTenantID,
		"another host without scheme":   "//" + other.Listener.Addr().String() + "/api/v1.0/" + emulator.DefaultTenantID,
		"another host as user":          "http://127.0.0.1@" + other.Listener.Addr().String() + "/api/v1.0/" + emulator.DefaultTenantID,
		"another tenant without a host": "/api/v1.0/33333333-3333-3333-3333-333333333333",
		"no URL":                        "%zz",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := play(t, setup{faults: []emulator.Fault{{Kind: emulator.WrongURI, Text: text}}, settings: patient})
			c.delivers(30 * time.Second)
			if got := c.api.Stats().Count("blob", "200"); got != 12 {
				t.Errorf("%d blobs were downloaded, want 12", got)
			}
			if got := c.api.Stats().StrayTokens; got != 0 {
				t.Errorf("%d tokens were sent to paths that are not the API's", got)
			}
			other.untouched(t)
		})
	}
}

// A contentUri at the right host that names another tenant would be refused there.
func TestWrongTenantInURIIsRebuilt(t *testing.T) {
	t.Parallel()
	c := play(t, setup{wait: true})
	c.faults(emulator.Fault{Kind: emulator.WrongURI, Text: c.url + "/api/v1.0/33333333-3333-3333-3333-333333333333"})
	c.run()
	c.delivers(10 * time.Second)
	if got := c.api.Stats().CountOf("33333333-3333-3333-3333-333333333333", "", "", ""); got != 0 {
		t.Errorf("%d requests for another tenant", got)
	}
}

// Elements that are no records are passed on. By the incident alone they are told by the id that they lack.
func TestBadRecordIsPassedOn(t *testing.T) {
	t.Parallel()
	c := play(t, setup{faults: []emulator.Fault{{Kind: emulator.BadRecord, First: 2}}})
	c.delivers(10 * time.Second)
	if got := len(c.out.nameless); got != 8 { // two elements in two blobs of two streams
		t.Errorf("%d incidents without an id, want 8", got)
	}
	for _, i := range c.out.nameless {
		if i.MicrosoftManagement.Source.ContentID == "" || i.RawJSON == "" {
			t.Errorf("incident of an element that is no record: %+v", i)
		}
	}
	if len(c.out.letters) != 0 {
		t.Errorf("dead letters: %v, want none", c.out.letters)
	}
}

// A raw record is a line of its own as it came, a bad one too.
func TestRawRecordsAreLines(t *testing.T) {
	t.Parallel()
	c := play(t, setup{
		faults:   []emulator.Fault{{Kind: emulator.BadRecord, First: 2}},
		settings: map[string]any{"output.format": "raw"},
	})
	lines := func() []string {
		if err := c.out.read(); err != nil {
			t.Fatal(err)
		}
		return c.out.bare
	}
	c.await("all records are lines", 10*time.Second, func() bool { return len(lines()) >= c.offered("", "") })
	time.Sleep(1200 * time.Millisecond) // some more polls and sweeps
	want := map[string]int{}
	for b := range c.api.Truth("", "") {
		for _, id := range b.Records {
			want[id]++
		}
		want[""] += b.Bad
	}
	got := map[string]int{}
	for _, line := range lines() {
		var record struct {
			ID string `json:"Id"`
		}
		_ = json.Unmarshal([]byte(line), &record) // it may be anything
		got[record.ID]++
	}
	if d := cmp.Diff(want, got); d != "" || got[""] != 8 {
		t.Errorf("%d lines without an id, want 8; records: %s", got[""], d)
	}
}
