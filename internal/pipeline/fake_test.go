package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
)

var testStream = audit.Stream{
	Tenant:      audit.Tenant{ID: "11111111-1111-1111-1111-111111111111", Name: "contoso"},
	ContentType: audit.Exchange,
}

// fakeBlob is a blob of the fake service.
type fakeBlob struct {
	audit.Blob
	visible time.Time // when listings start to show it; zero: at once
	records []string
	partial bool // shows its first record only to a listing that starts at its contentCreated
	undated bool // its contentCreated cannot be read
}

// world is a service, a sink and a checkpoint store in memory, with a switch for every fault.
type world struct {
	mu        sync.Mutex
	blobs     []fakeBlob
	place     map[string]int // of a blob's id
	partly    map[string]bool
	when      map[string]time.Time // a record was delivered first
	delivered map[string]int
	letters   []audit.DeadLetter
	tries     map[string]int // by content id: of the last batch with it
	several   map[string]bool

	lettersErr error
	lists      []audit.Window
	fetches    map[string]int
	opened     int
	starts     []time.Time
	enabled    bool
	answered   bool          // by the service
	skew       time.Duration // of the local clock, which counts until the service has answered

	onSubscribed func()
	onList       func(w audit.Window) error // before the first blob
	onListed     func(w audit.Window) error // after the last
	onFetch      func(b audit.Blob) error
	onStore      func(call string) error
	onSend       func() error

	onUnsubscribe func() error
	switchable    bool // subscriptions are switched on and off, and listings refused while off
	stops         []time.Time
	messages      []audit.StatusMessage
	wish          audit.Wish
	lines         []audit.StreamStatus
	headers       map[string]string // backfill header and topic of a record's last event

	epoch  int64
	exists bool
	c      audit.Checkpoint
	ledger map[audit.Hash]bool
	marks  map[audit.Hash]time.Time // of the entry that marked a blob last
}

func newWorld() *world {
	return &world{
		place: map[string]int{}, when: map[string]time.Time{},
		partly: map[string]bool{}, delivered: map[string]int{}, fetches: map[string]int{}, enabled: true,
		ledger: map[audit.Hash]bool{}, marks: map[audit.Hash]time.Time{}, headers: map[string]string{}, tries: map[string]int{}, several: map[string]bool{},
	}
}

func (w *world) add(id string, created time.Time, records ...string) *fakeBlob {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := fakeBlob{Blob: audit.Blob{ID: id, Created: created, Expires: created.Add(audit.Lifetime)}, records: records}
	w.place[id] = len(w.blobs)
	w.blobs = append(w.blobs, b)
	return &w.blobs[len(w.blobs)-1]
}

func call[T any](w *world, f func(T) error, arg T) error {
	if f == nil {
		return nil
	}
	return f(arg)
}

// The service.

func (w *world) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.answered {
		return time.Now()
	}
	return time.Now().Add(w.skew)
}

func (w *world) Subscribed(context.Context, audit.Stream) (bool, error) {
	if w.onSubscribed != nil {
		w.onSubscribed()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answered = true
	return w.enabled, nil
}

func (w *world) Subscribe(context.Context, audit.Stream) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.starts = append(w.starts, time.Now())
	if w.switchable {
		w.enabled = true
	}
	return nil
}

func (w *world) Unsubscribe(context.Context, audit.Stream) error {
	if w.onUnsubscribe != nil {
		if err := w.onUnsubscribe(); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stops = append(w.stops, time.Now())
	w.enabled = false
	return nil
}

func (w *world) isOff() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.switchable && !w.enabled
}

func (w *world) List(_ context.Context, _ audit.Stream, win audit.Window) iter.Seq2[audit.Blob, error] {
	return func(yield func(audit.Blob, error) bool) {
		for {
			err := call(w, w.onList, win)
			if err == nil && w.isOff() {
				err = fault(audit.CauseSubscription, audit.OfStream)
			}
			if err == nil {
				break
			}
			f, _ := errors.AsType[*audit.Fault](err)
			if !yield(audit.Blob{}, err) || f != nil && (f.Cause == audit.CauseTooSlow || f.Cause == audit.CauseWindow) {
				return
			}
		}
		w.mu.Lock()
		w.lists = append(w.lists, win)
		var out []audit.Blob
		for _, b := range w.blobs {
			if win.Contains(b.Created) && !b.visible.After(time.Now()) && !b.Created.After(time.Now()) {
				w.partly[b.ID] = b.partial && b.Created.Equal(win.Start)
				if b.undated {
					b.Created = time.Time{}
				}
				out = append(out, b.Blob)
			}
		}
		w.mu.Unlock()
		for _, b := range out {
			if !yield(b, nil) {
				return
			}
		}
		if err := call(w, w.onListed, win); err != nil {
			yield(audit.Blob{}, err)
		}
	}
}

type fakeContent struct {
	records []string
	err     error
}

func (c *fakeContent) Size() int64  { return 100 }
func (c *fakeContent) Close() error { return nil }

func (c *fakeContent) Records() iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		for i, id := range c.records {
			r := audit.Record{Raw: []byte(id), Ordinal: i}
			r.Fields[audit.FieldID] = audit.Value{Text: []byte(id)}
			if !yield(r, nil) {
				return
			}
		}
		if c.err != nil {
			yield(audit.Record{}, c.err)
		}
	}
}

func (w *world) Fetch(_ context.Context, _ audit.Stream, b audit.Blob) (Content, error) {
	w.mu.Lock()
	w.fetches[b.ID]++
	w.mu.Unlock()
	if err := call(w, w.onFetch, b); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	records := w.blobs[w.place[b.ID]].records
	if w.partly[b.ID] {
		records = records[:1]
	}
	return &fakeContent{records: records}, nil
}

// The transform passes records on.

type passOn struct{}

func (passOn) Headers(audit.Blob) []audit.Header { return nil }
func (passOn) Growth() float64                   { return 1 }

func (passOn) Events(_ audit.Blob, r *audit.Record) ([]audit.Event, []string, error) {
	if string(r.Raw) == "filtered" {
		return nil, []string{"filter.operations"}, nil
	}
	return []audit.Event{{Topic: "events", Value: r.Raw, Ordinal: r.Ordinal}}, nil, nil
}

// The sink.

type fakeSink struct{ *world }

func (s fakeSink) Open(context.Context, audit.Stream, int64) (Publisher, error) {
	s.opened++
	return s, nil
}

func (s fakeSink) Publish(ctx context.Context, c audit.Commit) (audit.Receipt, error) {
	if s.onSend != nil {
		if err := s.onSend(); err != nil {
			return audit.Receipt{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range c.Batches {
		s.tries[b.Blob.ID], s.several[b.Blob.ID] = b.Attempts, b.Several
		for e, err := range b.Events() {
			if err != nil {
				return audit.Receipt{}, err
			}
			if s.delivered[string(e.Value)]++; s.delivered[string(e.Value)] == 1 {
				s.when[string(e.Value)] = time.Now()
			}
			s.headers[string(e.Value)] = e.Topic
			for _, h := range b.Headers {
				s.headers[string(e.Value)] += " " + h.Name + "=" + string(h.Value)
			}
		}
	}
	s.letters = append(s.letters, c.DeadLetters...)
	s.messages = append(s.messages, c.Status...)
	return audit.Receipt{Position: -1}, ctx.Err()
}

func (s fakeSink) Close() error { return nil }

func (s fakeSink) Standing() (audit.Standing, bool) { return audit.Standing{N: -1}, false }

func (s fakeSink) Entries(context.Context, int64) iter.Seq2[audit.Logged, error] {
	return func(func(audit.Logged, error) bool) {}
}

// noMeter counts only what a test asks for.
type noMeter struct{ fenced *atomic.Int32 }

func (noMeter) Blob(audit.Stream, string)                            {}
func (noMeter) Records(audit.Stream, string, int)                    {}
func (noMeter) Filtered(audit.Stream, string, int)                   {}
func (noMeter) Undecided(audit.Stream, int)                          {}
func (noMeter) DeadLetter(audit.Stream, audit.Cause)                 {}
func (noMeter) Gap(audit.Stream, audit.Cause)                        {}
func (noMeter) Published(audit.Stream, time.Duration, time.Duration) {}
func (noMeter) CheckpointError(audit.Stream)                         {}

func (m noMeter) Fenced(audit.Stream) {
	if m.fenced != nil {
		m.fenced.Add(1)
	}
}

func (w *world) runner() *Runner {
	log := slog.New(slog.DiscardHandler)
	return &Runner{
		Sink: fakeSink{w}, Letters: fakeLetters{w}, Checkpoints: fakeStore{w}, Operator: fakeOperator{w}, Meter: noMeter{}, Board: NewBoard(log, "test"),
		Budget: NewBudget(32 << 20), Spool: NewSpool("", 1<<30), Log: log, Drain: 5 * time.Second,
		Group: Group{Blobs: 250, Records: 10000, Linger: 500 * time.Millisecond},
	}
}

func (w *world) settings() Settings {
	return Settings{
		Stream: testStream, Source: w, Transform: func() (Transform, error) { return passOn{}, nil },
		Backfill: func(b audit.Backfill) (func() Transform, error) {
			if b.Topic == "bad topic" {
				return nil, errors.New("topic is bad")
			}
			return func() Transform { return elsewhere{topic: b.Topic} }, nil
		},
		Reread:        func(value []byte) Content { return &fakeContent{records: []string{string(value)}} },
		AutoSubscribe: true, FirstFetch: time.Hour, PollInterval: 30 * time.Second, Overlap: 5 * time.Minute,
		SweepInterval: 30 * time.Minute, SweepDepth: 24 * time.Hour, Workers: 4, BlobBuffer: 4 << 20,
	}
}

// runFor runs the stream for a while of virtual time.
func (w *world) runFor(t *testing.T, d time.Duration, change ...func(*Settings)) *Runner {
	t.Helper()
	r, s := w.runner(), w.settings()
	for _, c := range change {
		c(&s)
	}
	superviseFor(t, r, s, d)
	return r
}

func superviseFor(t *testing.T, r *Runner, s Settings, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	r.Supervise(ctx, s)
}

// lost returns the records that were not delivered, repeated those that were more than once.
func (w *world) lost() (out []string) {
	for _, b := range w.blobs {
		for _, r := range b.records {
			if w.delivered[r] == 0 && r != "filtered" {
				out = append(out, r)
			}
		}
	}
	return out
}

func (w *world) repeated() (out []string) {
	for r, n := range w.delivered {
		if n > 1 {
			out = append(out, fmt.Sprintf("%s %d times", r, n))
		}
	}
	return out
}

func (w *world) check(t *testing.T) {
	t.Helper()
	if lost := w.lost(); len(lost) > 0 {
		t.Errorf("%d records lost, as %q", len(lost), lost[0])
	}
	if repeated := w.repeated(); len(repeated) > 0 {
		t.Errorf("%d records repeated, as %q", len(repeated), repeated[0])
	}
}
