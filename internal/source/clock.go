package source

import (
	"log/slog"
	"net/http"
	"sync"
	"time"
)

const (
	// tolerance is the difference between the two clocks that Date, which has whole seconds, cannot tell from none.
	tolerance = 2 * time.Second
	// alarming is the difference that somebody should correct.
	alarming = 2 * time.Minute
	// smoothing is the weight of the past against one new observation.
	smoothing = 3
)

// clock follows the service's clock through the Date headers of its answers.
type clock struct {
	logger *slog.Logger

	mu     sync.Mutex // guards the following
	skew   time.Duration
	known  bool
	warned bool
}

// now returns the service's time: the local one unless the clocks differ noticeably.
func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.skew.Abs() <= tolerance {
		return time.Now().UTC()
	}
	return time.Now().UTC().Add(c.skew)
}

// trusted reports whether any answer told the time yet.
func (c *clock) trusted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known
}

func (c *clock) observe(header http.Header) {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return
	}
	seen := time.Until(date.Add(500 * time.Millisecond)) // Date is cut to whole seconds
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known && (seen-c.skew).Abs() < alarming {
		c.skew += (seen - c.skew) / (smoothing + 1)
	} else {
		c.skew = seen // the first, or a clock that was set
	}
	c.known = true
	if c.skew.Abs() > alarming && !c.warned {
		c.warned = true
		c.logger.Warn("clock differs from the API's: set the clock of this machine, e.g. by NTP; until then the API's time is used",
			"skew", c.skew.Round(time.Second).String())
	}
}
