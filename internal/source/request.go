package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"o365-kafka-connector/internal/audit"
)

// The operations, as metrics and errors name them.
const (
	OperationSubscriptions = "list-subscriptions"
	OperationStart         = "start-subscription"
	OperationStop          = "stop-subscription"
	OperationList          = "list-content"
	OperationFetch         = "fetch-blob"
)

// userAgent names this program to the service and to proxies.
const userAgent = "o365-kafka-connector"

// call is one request, whatever number of times it has to be sent for a fresh token.
type call struct {
	operation string
	stream    audit.Stream
	method    string
	url       *url.URL
	deadline  time.Duration // for the header of the answer, and for each gap in its body
}

// answer is a good answer whose body is still to be read. Whoever gets it closes it.
type answer struct {
	*body

	header http.Header
	size   int64 // of the body after decompression; -1 if unknown
}

// do sends a request when the tenant's budget allows. A 401 renews the token and sends it once more. So does a missing
// permission, now and then: a token shows only the permissions that were granted before it was issued.
//
// The token comes first: what the budget grants has to be sent at once. It is asked for again since it may have aged
// while the request waited.
func (c *Client) do(ctx context.Context, q call) (*answer, error) {
	if _, err := c.tokens.Token(ctx); err != nil {
		return nil, err
	}
	if err := c.wait(ctx, q); err != nil {
		return nil, err
	}
	token, err := c.tokens.Token(ctx)
	if err != nil {
		return nil, err
	}
	a, err := c.send(ctx, q, token)
	if !is(err, audit.CauseUnauthorized) && (!is(err, audit.CauseNoPermission) || !c.roles.due()) {
		return a, err
	}
	if token, err = c.tokens.Renew(ctx, token); err != nil {
		return nil, err
	}
	if err := c.wait(ctx, q); err != nil {
		return nil, err
	}
	return c.send(ctx, q, token)
}

// wait returns when the tenant's budget lets the request go.
func (c *Client) wait(ctx context.Context, q call) error {
	is := urgent
	switch {
	case c.back:
		is = background
	case q.operation == OperationFetch:
		is = download
	}
	return c.throttle.wait(ctx, q.stream, is)
}

// rolesPause is how often a token is renewed because it lacks a permission.
const rolesPause = 10 * time.Minute

// roles remembers when a token was last renewed because it lacked a permission.
type roles struct {
	mu   sync.Mutex // guards the following
	last time.Time
}

// due reports whether it is time to do so again, and takes it as done.
func (r *roles) due() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.last.IsZero() && time.Since(r.last) < rolesPause {
		return false
	}
	r.last = time.Now()
	return true
}

// is reports whether err is a fault of this cause.
func is(err error, cause audit.Cause) bool {
	f, ok := errors.AsType[*audit.Fault](err)
	return ok && f.Cause == cause
}

// send sends a request once and observes what became of it.
func (c *Client) send(ctx context.Context, q call, token string) (*answer, error) {
	rctx, cancel := context.WithCancelCause(ctx)
	watch := newWatchdog(q.deadline, cancel)
	var connected atomic.Bool
	request, err := newRequest(rctx, q, token, &connected)
	if err != nil {
		watch.stop()
		cancel(nil)
		return nil, fmt.Errorf("%s: %w", q.operation, err)
	}

	start := time.Now()
	response, err := c.http.Do(request) //nolint:bodyclose // by body.close
	watch.stop()
	b := &body{operation: q.operation, token: token, watch: watch, cancel: cancel, cause: func() error { return context.Cause(rctx) }}
	if err != nil {
		err = b.unanswered(err, connected.Load())
		b.close()
		c.observe(q, err, 0, time.Since(start))
		return nil, err
	}
	b.open(response)
	err = c.judge(ctx, q, response, b)
	c.observe(q, err, response.StatusCode, time.Since(start))
	if err != nil {
		b.close()
		return nil, err
	}
	return &answer{body: b, header: response.Header, size: b.size(response)}, nil
}

func newRequest(ctx context.Context, q call, token string, connected *atomic.Bool) (*http.Request, error) {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	request, err := http.NewRequestWithContext(ctx, q.method, q.url.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Accept-Encoding", "gzip")
	request.Header.Set("User-Agent", userAgent)
	return request, nil
}

// judge returns the fault of an answer that is none.
func (c *Client) judge(ctx context.Context, q call, response *http.Response, b *body) error {
	good := response.StatusCode/100 == 2
	if response.StatusCode < 500 && !isHTML(response.Header) {
		c.clock.observe(response.Header)
	}
	if good && !isHTML(response.Header) {
		return nil
	}
	// No refusal is long: one that trickles in must not hold its caller up.
	enough := time.AfterFunc(q.deadline, func() { b.cancel(errSilent) })
	defer enough.Stop()
	r := readRefusal(response, b)
	if ended := b.ended(); ended != nil && !is(ended, audit.CauseTimeout) {
		return ended
	}
	if good {
		r.code = "" // a page that a proxy or portal shows instead of the answer
		return &audit.Fault{Cause: audit.CauseTransport, Scope: audit.OfStream, Hint: hintProxy, Err: r.fault(c.Now()).Err}
	}
	f := r.fault(c.Now())
	if f.Cause == audit.CauseThrottled {
		_ = c.throttle.refused(ctx, f.RetryAfter) // the next request will see it
	}
	return f
}

// observe tells the meter about a request, unless the caller ended it.
func (c *Client) observe(q call, err error, status int, took time.Duration) {
	code := strconv.Itoa(status)
	if err != nil {
		f, ok := errors.AsType[*audit.Fault](err)
		if !ok {
			return
		}
		if refused, ok := errors.AsType[*APIError](err); ok && refused.Code != "" {
			code = refused.Code
		} else if status == 0 {
			code = string(f.Cause)
		}
	}
	c.meter.Request(q.stream, q.operation, code, took)
}
