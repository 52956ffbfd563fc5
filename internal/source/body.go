package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"

	"o365-kafka-connector/internal/audit"
)

// errSilent is the cause with which the watchdog ends a request.
var errSilent = errors.New("no byte arrived in time")

// watchdog ends a request in which nothing arrives for some time. It only watches while somebody waits for bytes.
type watchdog struct {
	timer *time.Timer
	gap   time.Duration
}

// newWatchdog returns a watchdog on watch.
func newWatchdog(gap time.Duration, end context.CancelCauseFunc) *watchdog {
	return &watchdog{gap: gap, timer: time.AfterFunc(gap, func() { end(errSilent) })}
}

func (w *watchdog) start() { w.timer.Reset(w.gap) }
func (w *watchdog) stop()  { w.timer.Stop() }

// body reads the body of an answer, decompressed. It may take any time as long as bytes arrive while somebody reads.
// Its errors are faults, or the caller's context's.
type body struct {
	operation string
	token     string // that the request carried
	watch     *watchdog
	cancel    context.CancelCauseFunc
	cause     func() error // why the request ended; nil while it goes on

	conn     io.ReadCloser
	zipped   bool
	unzip    *gzip.Reader
	untilEnd bool // nothing but the end of the connection ends the body: a cut looks like an end
}

func (b *body) open(response *http.Response) {
	b.conn = response.Body
	b.zipped = strings.EqualFold(response.Header.Get("Content-Encoding"), "gzip")
	b.untilEnd = response.ContentLength < 0 && len(response.TransferEncoding) == 0 && !b.zipped
}

// size returns the number of bytes that the body will yield, -1 if nobody knows.
func (b *body) size(response *http.Response) int64 {
	if b.zipped {
		return -1
	}
	return response.ContentLength
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if !b.zipped {
		return b.explain(b.receive(p))
	}
	if b.unzip == nil {
		if err := b.startUnzip(); err != nil {
			return b.explain(0, err)
		}
	}
	return b.explain(b.unzip.Read(p))
}

var unzips sync.Pool

func (b *body) startUnzip() error {
	if used, ok := unzips.Get().(*gzip.Reader); ok {
		b.unzip = used
		return b.unzip.Reset(receiver{b})
	}
	var err error
	b.unzip, err = gzip.NewReader(receiver{b})
	return err
}

// receiver is the body as it comes from the connection.
type receiver struct{ *body }

// Read implements io.Reader.
func (r receiver) Read(p []byte) (int, error) { return r.receive(p) }

// receive reads from the connection, with the watchdog on watch.
func (b *body) receive(p []byte) (int, error) {
	b.watch.start()
	n, err := b.conn.Read(p)
	b.watch.stop()
	return n, err
}

// explain turns a reader's error into what it means.
func (b *body) explain(n int, err error) (int, error) {
	if err == nil || err == io.EOF { //nolint:errorlint // io.EOF is never wrapped by readers
		return n, err
	}
	if ended := b.ended(); ended != nil {
		return n, ended
	}
	return n, b.cut(err)
}

// ended returns why the request was ended by us: a time-out, or the caller's context. Nil if it was not.
func (b *body) ended() error {
	switch cause := b.cause(); {
	case cause == nil:
		return nil
	case errors.Is(cause, errSilent):
		return b.silent()
	default:
		return fmt.Errorf("%s: %w", b.operation, cause)
	}
}

// silent is the fault of an answer that does not come, or no longer.
func (b *body) silent() *audit.Fault {
	f := &audit.Fault{
		Cause: audit.CauseTimeout, Scope: audit.OfStream,
		Hint: "the API is slow at the moment; it is tried again by itself. If it stays so, raise source.timeout",
		Err:  fmt.Errorf("%s: no byte for %s", b.operation, b.watch.gap),
	}
	if b.operation == OperationFetch {
		f.Scope = audit.OfBlob
	}
	return f
}

// cut is the fault of a body that ends early.
func (b *body) cut(err error) *audit.Fault {
	f := &audit.Fault{
		Cause: audit.CauseTransport, Scope: audit.OfStream, Hint: "the connection broke; it is tried again by itself",
		Err: fmt.Errorf("%s: the answer ends early: %w", b.operation, err),
	}
	if b.operation == OperationFetch {
		f.Cause, f.Scope = audit.CauseCut, audit.OfBlob
	}
	return f
}

// unanswered explains why no answer came.
func (b *body) unanswered(err error, connected bool) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err // without the address, which says nothing new
	}
	ended := b.ended()
	if is(ended, audit.CauseTimeout) && !connected {
		ended, err = nil, fmt.Errorf("no connection for %s", b.watch.gap)
	}
	if ended != nil {
		return ended
	}
	return &audit.Fault{
		Cause: audit.CauseTransport, Scope: audit.OfStream, Hint: hintNetwork,
		Err: fmt.Errorf("%s: %w", b.operation, err),
	}
}

// close gives the connection back if the body was read to its end, and drops it otherwise.
func (b *body) close() {
	b.watch.stop()
	if b.conn != nil {
		_ = b.conn.Close() // nothing is lost by it
	}
	b.cancel(nil)
	if b.unzip != nil {
		unzips.Put(b.unzip)
		b.unzip = nil
	}
}
