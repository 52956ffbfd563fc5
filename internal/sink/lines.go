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

// ErrAsideGone means that nobody reads the standard error any more, where dead letters go: the program can only end.
var ErrAsideGone = errors.New("nobody reads the standard error any more, where dead letters and status messages go: run the connector again with a reader, or use sink.kind: file")

// Lines writes each event's value as a line, and beside it dead letters and status messages, each as a line of JSON.
type Lines struct {
	options Options

	mu    sync.Mutex // guards the following
	out   pipe
	aside pipe
}

// NewLines returns a sink that writes events to out and all else to aside, one commit after the other. What it writes
// to aside at once are whole lines, so that others may write lines there too.
func NewLines(out, aside io.Writer, o Options) *Lines {
	return &Lines{out: pipe{Writer: out, gone: ErrReaderGone}, aside: pipe{Writer: aside, gone: ErrAsideGone}, options: o.withDefaults()}
}

// Open returns the publisher of a stream.
func (l *Lines) Open(_ context.Context, s audit.Stream, _ int64) (Publisher, error) {
	return &linePublisher{stream: s, options: l.options, write: l.commit}, nil
}

// Tell writes status messages.
func (l *Lines) Tell(_ context.Context, messages []audit.StatusMessage) error {
	return l.commit(audit.Commit{Status: messages})
}

// Check finds nothing: open descriptors are all it takes.
func (l *Lines) Check(context.Context) ([]Finding, error) { return nil, nil }

// Close leaves the descriptors open: they are not ours.
func (l *Lines) Close() error { return nil }

// commit writes the events last: a commit whose dead letters could not be written repeats no event.
func (l *Lines) commit(c audit.Commit) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.aside.write(func(w io.Writer) error { return writeDeadLetters(w, c, l.options.Version) })
	if err == nil {
		err = l.aside.write(func(w io.Writer) error { return writeStatus(w, c, l.options.Instance) })
	}
	if err == nil {
		err = l.out.write(func(w io.Writer) error { return writeEvents(w, c) })
	}
	return err
}

// pipe is a writer whose reader may go away.
type pipe struct {
	io.Writer

	gone error // what it means if the reader is gone
	cut  bool  // the last write ended inside of a line
}

// write writes lines, after the end of a line that was cut off.
func (p *pipe) write(lines func(io.Writer) error) error {
	if p.cut {
		if _, err := p.Write([]byte{'\n'}); err != nil {
			return p.explain(err)
		}
	}
	p.cut = true
	if err := lines(p); err != nil {
		return p.explain(err)
	}
	p.cut = false
	return nil
}

func (p *pipe) explain(err error) error {
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) {
		return fmt.Errorf("%w (%w)", p.gone, err)
	}
	return err
}

// linePublisher publishes commits as lines, by whatever writes them.
type linePublisher struct {
	noJournal

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
		if errors.Is(err, ErrReaderGone) || errors.Is(err, ErrAsideGone) {
			return none, err
		}
		if stop := txn.Wait(ctx, pace.NextBackOff()); stop != nil {
			return none, fmt.Errorf("publish: %w; last: %w", stop, err)
		}
	}
}

// Close ends the publisher; there is nothing to wait for.
func (p *linePublisher) Close() error { return nil }
