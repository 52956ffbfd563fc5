package chaos

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// Happening is a fault, or what followed from it.
type Happening struct {
	From, To time.Time // To is zero while it lasts
	Kind     string    // of fault; empty: no fault
	Text     string
}

// timeline is what happened, in the order of its beginning.
type timeline struct {
	began time.Time
	out   io.Writer

	mu  sync.Mutex // guards the following, and out
	all []Happening
}

func newTimeline(out io.Writer) *timeline { return &timeline{began: time.Now(), out: out} }

// begin notes a fault; the returned function notes its end.
func (t *timeline) begin(kind, format string, args ...any) (end func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := len(t.all)
	h := Happening{From: time.Now(), Kind: kind, Text: fmt.Sprintf(format, args...)}
	t.all = append(t.all, h)
	t.print(h)
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.all[i].To = time.Now()
	}
}

// note tells of what is no fault.
func (t *timeline) note(format string, args ...any) { t.begin("", format, args...)() }

func (t *timeline) print(h Happening) {
	kind := cmp.Or(h.Kind, "-")
	fmt.Fprintf(t.out, "%8.1f s  %-26s %s\n", h.From.Sub(t.began).Seconds(), kind, h.Text)
}

// happenings returns a copy.
func (t *timeline) happenings() []Happening {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.all)
}

// counts returns how many faults of each kind there were.
func (t *timeline) counts() map[string]int {
	n := map[string]int{}
	for _, h := range t.happenings() {
		if h.Kind != "" {
			n[h.Kind]++
		}
	}
	return n
}

// around writes what was going on between two times.
func around(began time.Time, all []Happening, from, to time.Time) string {
	var b strings.Builder
	slices.SortStableFunc(all, func(x, y Happening) int { return x.From.Compare(y.From) })
	for _, h := range all {
		end := h.To
		if end.IsZero() {
			end = to
		}
		if h.From.After(to) || end.Before(from) {
			continue
		}
		fmt.Fprintf(&b, "  %8.1f to %7.1f s  %-26s %s\n", h.From.Sub(began).Seconds(), end.Sub(began).Seconds(), cmp.Or(h.Kind, "-"), h.Text)
	}
	return b.String()
}
