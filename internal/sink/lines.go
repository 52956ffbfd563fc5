package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/txn"
)

// ErrReaderGone means that nobody reads the standard output any more: the program can only end.
var ErrReaderGone = errors.New("nobody reads the standard output any more: run the connector again with a reader, or use sink.kind: file")

// chunk is how much is encoded before it is written.
const chunk = 64 << 10

// Lines writes each event as a line of JSON. Dead letters and status messages are lines of their own kind.
type Lines struct {
	options Options

	mu  sync.Mutex // guards the following
	out io.Writer
	cut bool // the last write ended inside of a line
}

// NewLines returns a sink that writes to out, one commit after the other.
func NewLines(out io.Writer, o Options) *Lines { return &Lines{out: out, options: o.withDefaults()} }

// Open returns the publisher of a stream.
func (l *Lines) Open(_ context.Context, s audit.Stream) (Publisher, error) {
	return &linePublisher{stream: s, options: l.options, write: l.commit}, nil
}

// Check finds nothing: an open descriptor is all it takes.
func (l *Lines) Check(context.Context) ([]Finding, error) { return nil, nil }

// Close leaves the descriptor open: it is not ours.
func (l *Lines) Close() error { return nil }

func (l *Lines) commit(c audit.Commit) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		if _, err := l.out.Write([]byte{'\n'}); err != nil {
			return lineFault(err)
		}
	}
	l.cut = true
	if err := writeCommit(l.out, c, l.options); err != nil {
		return lineFault(err)
	}
	l.cut = false
	return nil
}

func lineFault(err error) error {
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) {
		return fmt.Errorf("%w (%w)", ErrReaderGone, err)
	}
	return err
}

// linePublisher publishes commits as lines, by whatever writes them.
type linePublisher struct {
	stream  audit.Stream
	options Options
	write   func(audit.Commit) error
}

// Publish writes the commit, and tries again until it is written, nobody reads any more, or the context ends.
func (p *linePublisher) Publish(ctx context.Context, c audit.Commit) (audit.Receipt, error) {
	none := audit.Receipt{Position: -1}
	start := p.options.Now()
	for pace := txn.Pace(); ; {
		if ctx.Err() != nil {
			return none, fmt.Errorf("publish: %w", context.Cause(ctx))
		}
		err := p.write(c)
		if err == nil {
			p.options.Meter.Published(p.stream, p.options.Now().Sub(start))
			return none, nil
		}
		fault := &audit.Fault{Cause: audit.CauseSink, Scope: audit.OfStream, Err: err, Hint: "check the room, the rights and the directory of what sink.kind and sink.path name"}
		if f, ok := errors.AsType[*audit.Fault](err); ok {
			fault = f
		}
		p.options.Trouble(p.stream, fault)
		if errors.Is(err, ErrReaderGone) {
			return none, err
		}
		if stop := txn.Wait(ctx, pace.NextBackOff()); stop != nil {
			return none, fmt.Errorf("publish: %w; last: %w", stop, err)
		}
	}
}

// Close ends the publisher; there is nothing to wait for.
func (p *linePublisher) Close() error { return nil }

// writeCommit writes the lines of a commit in chunks.
func writeCommit(out io.Writer, c audit.Commit, o Options) error {
	buf := make([]byte, 0, 2*chunk)
	flush := func(least int) error {
		if len(buf) < least || len(buf) == 0 {
			return nil
		}
		_, err := out.Write(buf)
		buf = buf[:0]
		return err
	}
	for _, b := range c.Batches {
		for e, err := range b.Events() {
			if err != nil {
				return &audit.Fault{Cause: audit.CauseSpool, Scope: audit.OfStream, Err: err, Hint: "check the directory that source.spool names"}
			}
			buf = appendEvent(buf, e, b.Headers)
			if err := flush(chunk); err != nil {
				return err
			}
		}
	}
	for _, d := range c.DeadLetters {
		buf = appendDeadLetter(buf, d, o.Version)
		if err := flush(chunk); err != nil {
			return err
		}
	}
	for _, m := range c.Status {
		buf = appendStatus(buf, m, o.Instance)
	}
	return flush(0)
}
