package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"o365-kafka-connector/internal/audit"
)

const (
	// timeFormat is the longest form of startTime and endTime that is documented.
	timeFormat = "2006-01-02T15:04:05"
	// maxPages ends a listing whose pages lead on and on.
	maxPages = 10_000
	// readAhead is how many blobs are read before the first is yielded: usually the whole page, so that no
	// connection waits for the consumer.
	readAhead = 2_000
	// maxElement bounds one element of a listing.
	maxElement = 1 << 20
)

// List yields the blobs whose contentCreated lies in the window, page by page, possibly more than once. Ending without
// an error means that every page was read. A yielded error does not end the listing: to go on pulling is to try the
// same page again. After a fault with cause CausePage, CauseTooSlow or CauseWindow, and when the context has ended,
// List ends by itself.
//
// https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-reference#list-available-content
func (c *Client) List(ctx context.Context, s audit.Stream, w audit.Window) iter.Seq2[audit.Blob, error] {
	return func(yield func(audit.Blob, error) bool) {
		if w.Empty() {
			return
		}
		l := listing{client: c, stream: s, yield: yield, seen: map[audit.Hash]struct{}{}}
		u := c.address.operation("/subscriptions/content", url.Values{
			"contentType": {string(s.ContentType)},
			"startTime":   {w.Start.UTC().Format(timeFormat)},
			"endTime":     {w.End.UTC().Format(timeFormat)},
		})
		for u != nil && !l.stopped {
			next, err := l.page(ctx, u)
			if err == nil {
				u = next
				continue
			}
			if l.stopped || !yield(audit.Blob{}, err) || ctx.Err() != nil || final(err) {
				return
			}
		}
	}
}

// final reports whether the window has to be listed anew.
func final(err error) bool {
	return is(err, audit.CausePage) || is(err, audit.CauseTooSlow) || is(err, audit.CauseWindow)
}

// listing is one listing of a window.
type listing struct {
	client  *Client
	stream  audit.Stream
	yield   func(audit.Blob, error) bool
	stopped bool // the consumer wants no more
	seen    map[audit.Hash]struct{}
}

// page yields the blobs of one page and returns the address of the next; nil if it was the last.
func (l *listing) page(ctx context.Context, u *url.URL) (*url.URL, error) {
	deadline := l.client.patience.deadline(l.stream.ContentType)
	a, err := l.client.do(ctx, call{operation: OperationList, stream: l.stream, method: http.MethodGet, url: u, deadline: deadline})
	if is(err, audit.CauseTimeout) && !l.client.patience.longer(l.stream.ContentType, deadline) {
		return nil, tooSlow(err)
	}
	if err != nil {
		return nil, err
	}
	defer a.close()
	if err := l.blobs(newArray(a, l.client)); err != nil || l.stopped {
		return nil, err
	}
	return l.follow(u, a.header.Get("NextPageUri"))
}

// tooSlow is the fault of a window that holds too much for the service to list in time.
func tooSlow(err error) *audit.Fault {
	return &audit.Fault{
		Cause: audit.CauseTooSlow, Scope: audit.OfStream, Err: err,
		Hint: "the window is too large for the API at the moment; it is halved by itself",
	}
}

func (l *listing) blobs(a *array) error {
	for {
		chunk, more, err := readChunk(a)
		for _, b := range chunk {
			if !l.yield(b, nil) {
				l.stopped = true
				return nil
			}
		}
		if err != nil || !more {
			return err
		}
	}
}

// readChunk reads up to readAhead blobs; more tells that the page goes on.
func readChunk(a *array) (chunk []audit.Blob, more bool, err error) {
	for len(chunk) < readAhead {
		var item listedBlob
		more, err := a.next(&item)
		if err != nil || !more {
			return chunk, false, err
		}
		b := item.blob()
		if b.ID == "" {
			return chunk, false, a.senseless(errors.New("a blob has no contentId"))
		}
		chunk = append(chunk, b)
	}
	return chunk, true, nil
}

// follow checks the link to the next page.
func (l *listing) follow(current *url.URL, link string) (*url.URL, error) {
	if link == "" {
		return nil, nil
	}
	next, err := l.client.address.nextPage(current, link)
	if err != nil {
		return nil, pageFault(err)
	}
	hash := audit.HashOf(next.String())
	if _, looped := l.seen[hash]; looped || next.String() == current.String() {
		return nil, pageFault(errors.New("the pages lead in a circle"))
	}
	if l.seen[hash] = struct{}{}; len(l.seen) >= maxPages {
		return nil, pageFault(fmt.Errorf("more than %d pages", maxPages))
	}
	return next, nil
}

func pageFault(err error) *audit.Fault {
	return &audit.Fault{
		Cause: audit.CausePage, Scope: audit.OfStream, Err: fmt.Errorf("%s: %w", OperationList, err),
		Hint: "the window is listed again by itself; if it stays so, check base_url",
	}
}

// listedBlob is an element of a listing.
type listedBlob struct {
	ContentID         text `json:"contentId"`
	ContentURI        text `json:"contentUri"`
	ContentCreated    text `json:"contentCreated"`
	ContentExpiration text `json:"contentExpiration"`
}

func (l listedBlob) blob() audit.Blob {
	b := audit.Blob{ID: string(l.ContentID), URI: string(l.ContentURI), Listed: string(l.ContentCreated)}
	if u, err := url.Parse(b.URI); err == nil && b.ID == "" {
		b.ID = u.Path[strings.LastIndexByte(u.Path, '/')+1:]
	}
	b.Created, _ = audit.ParseTime([]byte(l.ContentCreated))
	b.Expires, _ = audit.ParseTime([]byte(l.ContentExpiration))
	return b
}

// text is a JSON string; any other value reads as the empty one.
type text string

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (t *text) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if d.PeekKind() != '"' {
		return d.SkipValue()
	}
	token, err := d.ReadToken()
	if err == nil {
		*t = text(token.String())
	}
	return err
}

// array decodes the JSON array that a listing answers, element by element.
type array struct {
	client *Client
	answer *answer
	left   *io.LimitedReader
	json   *jsontext.Decoder
	begun  bool
}

// lenient is what decoding may meet: one odd element must not stop a listing.
var lenient = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

func newArray(a *answer, c *Client) *array {
	left := &io.LimitedReader{R: a, N: maxElement}
	return &array{client: c, answer: a, left: left, json: jsontext.NewDecoder(left, lenient...)}
}

// next decodes the next element into v; false means that the array and the answer have ended well.
func (a *array) next(v any) (bool, error) {
	a.left.N = maxElement
	if !a.begun {
		if err := a.begin(); err != nil {
			return false, err
		}
		a.begun = true
	}
	if a.json.PeekKind() != ']' {
		if err := json.UnmarshalDecode(a.json, v, json.MatchCaseInsensitiveNames(true)); err != nil {
			return false, a.senseless(err)
		}
		return true, nil
	}
	if _, err := a.json.ReadToken(); err != nil {
		return false, a.senseless(err)
	}
	if _, err := a.json.ReadToken(); err != io.EOF { //nolint:errorlint // io.EOF is never wrapped by the decoder
		return false, a.senseless(errors.Join(errors.New("something follows the array"), err))
	}
	return false, nil
}

// begin expects an array. An object is an error that came with a good status.
func (a *array) begin() error {
	kind := a.json.PeekKind()
	if kind == '[' {
		_, err := a.json.ReadToken()
		return err
	}
	if kind == '{' {
		if value, err := a.json.ReadValue(); err == nil {
			r := a.answer.refusal(value)
			r.operation, r.status, r.header = a.answer.operation, http.StatusOK, a.answer.header
			return r.fault(a.client.Now())
		}
	}
	_, err := a.json.ReadToken()
	return a.senseless(errors.Join(errNotArray, err))
}

// senseless is the fault of a listing that breaks off or is none.
func (a *array) senseless(err error) error {
	if fault, ok := errors.AsType[*audit.Fault](err); ok {
		return fault
	}
	if ended := a.answer.ended(); ended != nil {
		return ended
	}
	return &audit.Fault{
		Cause: audit.CauseServer, Scope: audit.OfStream, Hint: hintServer,
		Err: fmt.Errorf("%s: decode the list: %w", a.answer.operation, err),
	}
}
