package e2e

import (
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/emulator"
)

// A listing that takes 40 s to its first byte is waited for with the default time-out of 15 s: 15, then 30, then 60 s.
func TestListingThatAnswersAfter40SecondsIsRead(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute and a half")
	}
	c := play(t, setup{
		faults:   []emulator.Fault{{Kind: emulator.Slow, Operation: "content", Delay: 40 * time.Second}},
		settings: map[string]any{"source.timeout": "15s"},
	})
	t.Parallel() // not before: the daemon waits while other tests run one by one
	c.catchesUp(100 * time.Second)
	c.flawless()
	if got := c.api.Stats().CountOf("", emulator.General, "content", "gone"); got > 4 { // two of polls, two of sweeps
		t.Errorf("%d listings were given up, want 4 at most", got)
	}
}

// The longer deadline is remembered for the stream, and only for the one that needs it.
func TestLongerDeadlineIsRemembered(t *testing.T) {
	t.Parallel()
	slow := emulator.Fault{Kind: emulator.Slow, Operation: "content", ContentType: emulator.General, Delay: 5 * time.Second}
	c := play(t, setup{
		faults:   []emulator.Fault{slow},
		settings: map[string]any{"source.timeout": "2s", "source.sweep.interval": "30m"},
	})
	c.await("the other stream is read", 10*time.Second, func() bool {
		return c.delivered("", emulator.Exchange) == c.offered("", emulator.Exchange)
	})
	c.catchesUp(30 * time.Second)
	given := c.api.Stats().CountOf("", emulator.General, "content", "gone")
	if given < 2 || given > 4 {
		t.Errorf("%d listings were given up, want 2, after 2 and 4 s, and as many of a sweep", given)
	}
	time.Sleep(8 * time.Second)
	if got := c.api.Stats().CountOf("", emulator.General, "content", "gone"); got != given {
		t.Errorf("%d more listings were given up: the deadline is forgotten", got-given)
	}
	c.flawless()
}

// Pages that lead in a circle end the listing. It is tried again after a pause, and goes on when the pages are right.
func TestPageLoopIsLeft(t *testing.T) {
	t.Parallel()
	c := play(t, setup{faults: []emulator.Fault{{Kind: emulator.PageSize, Count: 2}, {Kind: emulator.PageLoop}}})
	c.awaitState(audit.StateFailing, "listed again", emulator.General, emulator.Exchange)
	time.Sleep(5 * time.Second)
	if got := len(c.requests.to("/subscriptions/content")); got > 60 {
		t.Errorf("%d listings were asked for in 5 s", got)
	}
	if got := c.delivered("", ""); got == 0 {
		t.Error("nothing of the first pages was delivered")
	}
	c.faults(emulator.Fault{Kind: emulator.PageSize, Count: 2})
	c.delivers(30 * time.Second)
	c.await("the streams recover", 10*time.Second, func() bool { return !failing(c) })
}

func failing(c *scene) bool {
	for _, s := range c.states() {
		if s == audit.StateFailing {
			return true
		}
	}
	return false
}

// A page link that the API refuses has the window listed again.
func TestStalePageIsListedAgain(t *testing.T) {
	t.Parallel()
	pages := emulator.Fault{Kind: emulator.PageSize, Count: 2}
	c := play(t, setup{faults: []emulator.Fault{pages, {Kind: emulator.PageStale}}})
	c.awaitState(audit.StateFailing, "listed again", emulator.General, emulator.Exchange)
	c.faults(pages)
	c.delivers(30 * time.Second)
}

// A page link to another host is not followed, and the token does not get there.
func TestForeignPageIsNotFollowed(t *testing.T) {
	t.Parallel()
	other := newStranger(t)
	pages := emulator.Fault{Kind: emulator.PageSize, Count: 2}
	for name, text := range map[string]string{
		"another host":      other.URL,
		"without scheme":    "//" + other.Listener.Addr().String(),
		"host as user":      "http://127.0.0.1@" + other.Listener.Addr().String(),
		"name of this host": strings.Replace(other.URL, "127.0.0.1", "localhost", 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := play(t, setup{faults: []emulator.Fault{pages, {Kind: emulator.PageForeign, Text: text}}})
			c.awaitState(audit.StateFailing, "base_url", emulator.General, emulator.Exchange)
			c.faults(pages)
			c.delivers(30 * time.Second)
			other.untouched(t)
		})
	}
}

// A window of more than 24 h is never asked for: the API may answer it in part and say nothing.
func TestNoWindowIsLongerThanADay(t *testing.T) {
	t.Parallel()
	c := play(t, setup{
		api:      emulator.Config{Backlog: 60 * time.Hour},
		faults:   []emulator.Fault{{Kind: emulator.WindowPartial}},
		settings: map[string]any{"source.first_fetch": "72h", "source.sweep.depth": "167h"},
	})
	c.delivers(15 * time.Second)
	listings := c.requests.listings()
	if len(listings) < 8 {
		t.Fatalf("%d listings, want four for each stream and more", len(listings))
	}
	for _, r := range listings {
		if from, to := r.window(); to.Sub(from) > 24*time.Hour || !from.Before(to) {
			t.Errorf("a window from %s to %s was asked for", from, to)
		}
	}
}

// Content is asked for as far back as the API allows for sure, also when it would allow more.
func TestStartIsNeverTooOld(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string][]emulator.Fault{"strict": nil, "age-lenient": {{Kind: emulator.AgeLenient}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := play(t, setup{
				api: emulator.Config{Backlog: 167 * time.Hour}, faults: faults,
				settings: map[string]any{"source.first_fetch": "8 days", "source.sweep.depth": "167h"},
			})
			c.delivers(20 * time.Second)
			for _, r := range c.requests.listings() {
				from, _ := r.window()
				if age := r.at.Sub(from); age > 7*24*time.Hour {
					t.Errorf("a window was asked for that starts %s back", age)
				}
			}
			if got := c.api.Stats().Count("content", "400 AF20055"); got != 0 {
				t.Errorf("%d windows were refused", got)
			}
			if len(c.log.lines("WARN", "first_fetch")) != 1 {
				t.Error("nothing warns that first_fetch was cut")
			}
		})
	}
}
