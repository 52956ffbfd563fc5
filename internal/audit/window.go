package audit

import "time"

// MaxWindow is the longest window that the API answers.
const MaxWindow = 24 * time.Hour

// MaxAge is how far back a window may start: the API keeps content for 7 days, and five minutes of that are left for
// the request to arrive.
const MaxAge = 7*24*time.Hour - 5*time.Minute

// Window is the half-open interval [Start, End) of contentCreated, in UTC and whole seconds.
type Window struct {
	Start, End time.Time
}

// Empty reports whether the window holds no time at all.
func (w Window) Empty() bool { return !w.Start.Before(w.End) }

// Duration returns the length of the window.
func (w Window) Duration() time.Duration { return w.End.Sub(w.Start) }

// Contains reports whether t lies in the window.
func (w Window) Contains(t time.Time) bool { return !t.Before(w.Start) && t.Before(w.End) }

// Halve returns the older half of the window, in whole seconds.
func (w Window) Halve() Window {
	return Window{Start: w.Start, End: w.Start.Add((w.Duration() / 2).Truncate(time.Second))}
}
