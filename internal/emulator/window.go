package emulator

import (
	"fmt"
	"time"
)

const longestWindow = 24 * time.Hour

// window is a half-open interval of contentCreated.
type window struct{ start, end time.Time }

func (w window) length() time.Duration { return w.end.Sub(w.start) }

func (w window) contains(t time.Time) bool { return !t.Before(w.start) && t.Before(w.end) }

// timeForms are the documented spellings and those that are accepted in practice.
var timeForms = []string{
	"2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999", "2006-01-02T15:04:05",
	"2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02",
}

func parseTime(s string) (time.Time, error) {
	for _, form := range timeForms {
		if t, err := time.Parse(form, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time", s)
}

// readWindow reads the request's window without judging it. Neither time given means the last 24 hours.
func readWindow(start, end string, now time.Time) (window, *apiError) {
	if start == "" && end == "" {
		return window{now.Add(-longestWindow), now}, nil
	}
	if start == "" || end == "" {
		return window{}, badWindow(start, end)
	}
	from, err := parseTime(start)
	if err != nil {
		return window{}, invalidParameter("startTime", "datetime")
	}
	to, err := parseTime(end)
	if err != nil {
		return window{}, invalidParameter("endTime", "datetime")
	}
	return window{from, to}, nil
}

// checkWindow applies the API's limits. It may shorten the window.
func (c *call) checkWindow() *apiError {
	w := &c.window
	oldest := c.e.now().Add(-maxAge)
	if f := c.fire(AgeLenient); f != nil {
		oldest = oldest.Add(-orDefault(f.Delay, time.Hour))
	}
	if !w.start.Before(w.end) || w.start.Before(oldest) {
		return badWindow(c.query("startTime"), c.query("endTime"))
	}
	if w.length() > longestWindow {
		if c.fire(WindowPartial) == nil {
			return badWindow(c.query("startTime"), c.query("endTime"))
		}
		w.end = w.start.Add(longestWindow)
	}
	return nil
}
