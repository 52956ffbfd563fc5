package emulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// ownPages are the emulator's own, by the first part of the path.
var ownPages map[string]func(*call)

func init() {
	ownPages = map[string]func(*call){
		"":        (*call).serveHome,
		"healthz": (*call).serveHome,
		"truth":   (*call).serveTruth,
		"stats":   (*call).serveStats,
		"faults":  (*call).serveFaults,
		"stop":    (*call).serveStopOffering,
	}
}

func (c *call) ownPage(status int, body []byte, err error) {
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(err.Error())
	}
	c.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	c.w.WriteHeader(status)
	_, _ = c.w.Write(append(body, '\n'))
}

func (c *call) serveHome() {
	c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(c.w, "Emulator of the Office 365 Management Activity API, %s\n\n", c.e.now().Format(time.RFC3339))
	for _, s := range c.e.order {
		fmt.Fprintf(c.w, "%s/api/v1.0/%s/activity/feed/subscriptions/content?contentType=%s\n", c.base(), s.tenant.ID, s.contentType)
	}
	_, _ = io.WriteString(c.w, "\nGET /truth[?tenant=&content_type=], /truth/summary, /stats, /faults; "+
		"PUT, POST, DELETE /faults; POST /stop\n")
}

// serveFaults reads (GET), replaces (PUT), adds to (POST) or removes (DELETE) the faults.
func (c *call) serveFaults() {
	switch c.r.Method {
	case http.MethodPut, http.MethodPost:
		faults, err := readFaults(http.MaxBytesReader(c.w, c.r.Body, 1<<20))
		if err != nil {
			c.ownPage(http.StatusBadRequest, []byte(err.Error()), nil)
			return
		}
		if c.r.Method == http.MethodPut {
			c.e.rules.set(faults)
		} else {
			c.e.rules.add(faults)
		}
	case http.MethodDelete:
		c.e.rules.set(nil)
	}
	body, err := c.e.rules.json()
	c.ownPage(http.StatusOK, body, err)
}

func readFaults(r io.Reader) ([]Fault, error) {
	var faults []Fault
	if err := json.NewDecoder(r).Decode(&faults); err != nil {
		return nil, fmt.Errorf("read faults: send a JSON array of them: %w", err)
	}
	for i, f := range faults {
		if err := f.validate(); err != nil {
			return nil, fmt.Errorf("fault %d: %w", i+1, err)
		}
	}
	return faults, nil
}

// serveStopOffering ends the timeline, so that a client can drain it.
func (c *call) serveStopOffering() {
	if c.r.Method == http.MethodPost {
		c.e.StopOffering()
	}
	body, err := json.Marshal(c.e.TruthSummary().TruthCounts)
	c.ownPage(http.StatusOK, body, err)
}
