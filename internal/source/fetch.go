package source

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"time"

	"o365-kafka-connector/internal/audit"
)

// Fetch asks for a blob and returns once the answer's header is there. The caller closes the content. The listed
// address is used if it leads to this tenant's content at the configured host; otherwise, and once more if the service
// does not accept it, the address is built from the content id.
func (c *Client) Fetch(ctx context.Context, s audit.Stream, b audit.Blob) (*Content, error) {
	if err := c.fetchable(b); err != nil {
		return nil, err
	}
	u, rebuilt := c.address.blob(b)
	a, err := c.get(ctx, s, u)
	if is(err, audit.CauseBadContentID) && !rebuilt {
		if again := c.address.rebuilt(b); again.String() != u.String() {
			a, err = c.get(ctx, s, again)
		}
	}
	if err != nil {
		return nil, err
	}
	return &Content{client: c, answer: a, blob: b.Hash()}, nil
}

func (c *Client) get(ctx context.Context, s audit.Stream, u *url.URL) (*answer, error) {
	return c.do(ctx, call{operation: OperationFetch, stream: s, method: http.MethodGet, url: u, deadline: c.timeout})
}

// fetchable refuses blobs for which a request would be wasted. The service lists blobs beyond their expiration.
func (c *Client) fetchable(b audit.Blob) error {
	if !validID(b.ID) {
		return &audit.Fault{
			Cause: audit.CauseBadContentID, Scope: audit.OfBlob, Hint: hintID,
			Err: fmt.Errorf("%s: %q is no content id", OperationFetch, clean(b.ID)),
		}
	}
	// A wrong local clock alone must not declare everything expired.
	if b.Expires.IsZero() || !c.clock.trusted() || c.Now().Before(b.Expires) {
		return nil
	}
	return &audit.Fault{
		Cause: audit.CauseExpired, Scope: audit.OfBlob, Hint: hintGone,
		Err: fmt.Errorf("%s: expired on %s", OperationFetch, b.Expires.Format(time.RFC3339)),
	}
}

// Content is the body of a blob on its way in. One goroutine at a time may use it.
type Content struct {
	client  *Client
	answer  *answer
	blob    audit.Hash
	decoder *decoder
}

// Size is the number of bytes to come, -1 if the answer does not tell or is compressed.
func (c *Content) Size() int64 { return c.answer.size }

// Records yields the records in the order of the blob, while they arrive. It can be called once. Ending without an
// error means that the blob arrived complete and well formed; an error ends it. A record whose Malformed is set is
// yielded as every other. Of members that occur twice in a record the last counts. A record stands until the next one
// is pulled or the content is closed.
func (c *Content) Records() iter.Seq2[audit.Record, error] {
	c.decoder = newDecoder(c.answer, c.client.suspects.has(c.blob))
	return func(yield func(audit.Record, error) bool) {
		for r, err := range c.decoder.records() {
			if err != nil {
				err = c.fault(err)
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
		c.client.suspects.remove(c.blob)
	}
}

// fault tells what an error of the decoder means.
func (c *Content) fault(err error) error {
	d := c.decoder
	if broken := d.broken(); broken != nil {
		return broken
	}
	if c.answer.untilEnd && d.truncated(err) {
		return c.answer.cut(err)
	}
	if errors.Is(err, errNotArray) {
		if r := c.answer.refusal(d.object()); r.code != "" {
			r.operation, r.status, r.header = OperationFetch, http.StatusOK, c.answer.header
			return r.fault(c.client.Now())
		}
	}
	f := malformed(OperationFetch, "%w", describe(err))
	f.SHA256 = d.in.sum()
	c.client.suspects.add(c.blob)
	return f
}

// Close gives the connection back; what was not read is lost.
func (c *Content) Close() error {
	c.answer.close()
	if c.decoder != nil {
		c.decoder.release()
		c.decoder = nil
	}
	return nil
}
