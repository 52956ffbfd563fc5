package emulator

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// writeHeaders sets what the service sends with every answer.
func (c *call) writeHeaders() {
	h := c.w.Header()
	h.Set("Cache-Control", "no-cache")
	h.Set("Pragma", "no-cache")
	h.Set("Expires", "-1")
	h.Set("Server", "Microsoft-IIS/10.0")
	h["X-AspNet-Version"] = []string{"4.0.30319"}
	h.Set("X-Powered-By", "ASP.NET")
	now := c.e.now()
	if f := c.fire(ClockOffset); f != nil {
		now = now.Add(f.Delay)
	}
	h.Set("Date", now.Format(http.TimeFormat))
}

// refuse answers with an error.
func (c *call) refuse(a *apiError) {
	body := a.body()
	h := c.w.Header()
	h.Set("Content-Type", orDefault(a.kind, "application/json; charset=utf-8"))
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if a.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(a.retryAfter/time.Second)))
	}
	if a.status == http.StatusUnauthorized && a.code == "" {
		h.Set("WWW-Authenticate", "Bearer")
	}
	c.answered = strings.TrimSpace(strconv.Itoa(a.status) + " " + shortCode(a.code))
	c.w.WriteHeader(a.status)
	_, _ = c.w.Write(body)
}

// shortCode keeps the free text of some codes out of the statistics.
func shortCode(code string) string {
	word, _, _ := strings.Cut(code, " ")
	return word
}

// answer is the body of an answer that is right before faults have their way with it.
type answer struct {
	length int64 // -1: unknown
	write  func(io.Writer) error
}

func bytesAnswer(b []byte) answer {
	return answer{length: int64(len(b)), write: func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}}
}

// errStop ends the writing of a body that a fault makes shorter.
var errStop = errors.New("enough written")

// send answers 200 with a body, through the faults of bodies.
func (c *call) send(a answer) *apiError {
	a = c.spoil(a)
	h := c.w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	compressed := strings.Contains(c.r.Header.Get("Accept-Encoding"), "gzip") && c.fire(Gzip) != nil
	if compressed {
		h.Set("Content-Encoding", "gzip")
		a.length = -1
	}
	chunked := c.fire(Chunked) != nil
	if a.length >= 0 && !chunked {
		h.Set("Content-Length", strconv.FormatInt(a.length, 10))
	}
	c.answered = "200"
	c.w.WriteHeader(http.StatusOK)
	if err := c.write(a, compressed, chunked); err != nil && !errors.Is(err, errStop) {
		c.answered = "200 cut"
		c.record()
		panic(http.ErrAbortHandler)
	}
	return nil
}

// spoil replaces the body if a fault says so.
func (c *call) spoil(a answer) answer {
	switch {
	case c.fire(EmptyReply) != nil:
		return bytesAnswer(nil)
	case c.fire(NotJSON) != nil:
		return bytesAnswer([]byte("The service is being updated. Please come back later.\r\n"))
	case c.fire(AsObject) != nil:
		return bytesAnswer([]byte(`{"error":{"code":"AF50000","message":"An internal error occurred. Retry the request."}}`))
	case c.fire(ShortJSON) != nil:
		half, write := a.length/2, a.write
		return answer{length: half, write: func(w io.Writer) error {
			return write(&limitedWriter{w: w, left: half, end: errStop})
		}}
	default:
		return a
	}
}

var errCut = errors.New("connection cut on purpose")

func (c *call) write(a answer, compressed, chunked bool) error {
	var w io.Writer = countingWriter{c.w, c.e.stats}
	if chunked {
		w = flushWriter{w, c.w}
	}
	if f := c.fire(SlowBody); f != nil {
		w = &slowWriter{w: w, c: c, perSecond: orDefault(f.Bytes, 1024)}
	}
	if f := c.fire(Cut); f != nil {
		w = &limitedWriter{w: w, left: orDefault(f.Bytes, max(a.length/2, 100)), end: errCut, flush: c.w}
	}
	if !compressed {
		return a.write(w)
	}
	z := gzip.NewWriter(w)
	if err := a.write(z); err != nil && !errors.Is(err, errStop) {
		return err
	}
	return z.Close()
}

// limitedWriter passes so many bytes on and then fails.
type limitedWriter struct {
	w     io.Writer
	left  int64
	end   error
	flush http.ResponseWriter // flushed at the end, so that the client gets what was written
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	if int64(len(p)) < l.left {
		l.left -= int64(len(p))
		return l.w.Write(p)
	}
	n, err := l.w.Write(p[:l.left])
	l.left -= int64(n)
	if err != nil {
		return n, err
	}
	if l.flush != nil {
		_ = http.NewResponseController(l.flush).Flush()
	}
	return n, l.end
}

type flushWriter struct {
	w  io.Writer
	to http.ResponseWriter
}

func (f flushWriter) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if err == nil {
		err = http.NewResponseController(f.to).Flush()
	}
	return n, err
}

// slowWriter passes bytes on in tenths of a second.
type slowWriter struct {
	w         io.Writer
	c         *call
	perSecond int64
}

func (s *slowWriter) Write(p []byte) (int, error) {
	step := int(max(1, s.perSecond/10))
	written := 0
	for written < len(p) {
		n, err := s.w.Write(p[written:min(len(p), written+step)])
		written += n
		if err != nil {
			return written, err
		}
		if err := http.NewResponseController(s.c.w).Flush(); err != nil {
			return written, err
		}
		if !s.c.wait(time.Duration(n) * time.Second / time.Duration(s.perSecond)) {
			return written, fmt.Errorf("write slowly: %w", s.c.r.Context().Err())
		}
	}
	return written, nil
}

type countingWriter struct {
	w     io.Writer
	stats *statistics
}

func (c countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.stats.bytes.Add(int64(n))
	return n, err
}
