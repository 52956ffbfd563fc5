package emulator

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// call is one request on its way through the emulator.
type call struct {
	e           *Emulator
	w           http.ResponseWriter
	r           *http.Request
	values      url.Values // with names in lower case
	operation   string
	tenantID    string // as in the path, in lower case
	tenant      *Tenant
	contentType string
	contentID   string
	appID       string
	window      window
	windowError *apiError
	answered    string // status, and the error's code
}

func (e *Emulator) newCall(w http.ResponseWriter, r *http.Request) *call {
	c := &call{e: e, w: w, r: r, values: url.Values{}}
	for name, v := range r.URL.Query() {
		c.values[strings.ToLower(name)] = v
	}
	return c
}

// query returns a parameter by its name in any letter case.
func (c *call) query(name string) string { return c.values.Get(strings.ToLower(name)) }

func (c *call) fire(kind Kind) *Fault { return c.e.rules.fire(kind, c) }

// listing reports whether the request is for a window.
func (c *call) listing() bool {
	return c.operation == opContent || c.operation == opPage || c.operation == opNotifications
}

// linger fires the fault of slow answers. If the client leaves meanwhile, so does the call.
func (c *call) linger() {
	f := c.fire(Slow)
	if f == nil || c.wait(orDefault(f.Delay, 40*time.Second)) {
		return
	}
	c.answered = "gone"
	panic(http.ErrAbortHandler)
}

// base is the scheme and host that links start with.
func (c *call) base() string {
	if c.e.config.BaseURL != "" {
		return strings.TrimSuffix(c.e.config.BaseURL, "/")
	}
	return c.asked()
}

// asked is the scheme and host by which the client found the emulator.
func (c *call) asked() string {
	scheme := "http"
	if c.r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + c.r.Host
}

func (c *call) root() string { return c.base() + "/api/v1.0/" + c.tenantID + "/activity/feed" }

// stream is the called tenant's stream of the called content type.
func (c *call) stream() *stream { return c.e.streams[streamKey{c.tenantID, c.contentType}] }

// wait passes the time and reports whether the client is still there.
func (c *call) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.r.Context().Done():
		return false
	}
}
