package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// clone makes an event outlive the iteration.
func clone(e Event) Event {
	e.Key, e.Value = bytes.Clone(e.Key), bytes.Clone(e.Value) // a key that is nil stays nil
	var headers []Header
	for _, h := range e.Headers {
		headers = append(headers, Header{h.Name, bytes.Clone(h.Value)})
	}
	e.Headers = headers
	return e
}

// bytewise compares slices fast, and tells no key from an empty one.
var bytewise = cmp.Comparer(func(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) })

// sample is an event of about size bytes that differs for every n.
func sample(n, size int) Event {
	e := Event{
		Topic: fmt.Sprintf("topic-%d", n%3), Key: fmt.Appendf(nil, "key-%d", n), Ordinal: 2 * n,
		Value: bytes.Repeat([]byte{byte(n)}, size),
		Headers: []Header{
			{"record_id", fmt.Appendf(nil, "id-%d", n)},
			{"empty", []byte{}},
		},
	}
	switch n % 4 {
	case 1:
		e.Key = nil
	case 2:
		e.Key = []byte{}
	case 3:
		e.Headers = nil
	}
	return e
}

// tempFile supplies files and closes none: the batch does.
func tempFile(t testing.TB) func() (File, error) {
	return func() (File, error) { return os.CreateTemp(t.TempDir(), "batch") }
}

func noFile(t testing.TB) func() (File, error) {
	return func() (File, error) {
		t.Error("a batch within its limit asks for a file")
		return nil, errors.New("no file")
	}
}

func fill(t testing.TB, b *Batch, events []Event) {
	t.Helper()
	for _, e := range events {
		if err := b.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Seal(); err != nil {
		t.Fatal(err)
	}
}

func collect(t testing.TB, b *Batch) []Event {
	t.Helper()
	var out []Event
	for e, err := range b.Events() {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, clone(e))
	}
	return out
}

func release(t testing.TB, b *Batch) {
	t.Helper()
	for range 2 { // the second does nothing
		if err := b.Release(); err != nil {
			t.Error(err)
		}
	}
}

func TestBatchGivesBackWhatWasAppended(t *testing.T) {
	for name, test := range map[string]struct {
		count, size int
		limit       int64
		spilled     bool
	}{
		"nothing":                         {0, 0, 0, false},
		"one event":                       {1, 10, 1 << 20, false},
		"empty values":                    {50, 0, 1 << 20, false},
		"many chunks":                     {1000, 1000, 2 << 20, false},
		"events larger than a chunk":      {5, chunkSize + 1, 1 << 20, false},
		"events that fill a chunk nearly": {20, chunkSize - 60, 4 << 20, false},
		"a file from the start":           {20, 100, 0, true},
		"a file half-way":                 {1000, 1000, 500 << 10, true},
		"a file and a huge event":         {3, 3 << 20, 100, true},
	} {
		t.Run(name, func(t *testing.T) {
			spill := noFile(t)
			if test.spilled {
				spill = tempFile(t)
			}
			b := NewBatch(Stream{}, Blob{}, test.limit, spill)
			defer release(t, b)
			var want []Event
			for n := range test.count {
				want = append(want, sample(n, test.size))
			}
			fill(t, b, want)
			if b.Len() != test.count || b.Spilled() != test.spilled {
				t.Errorf("Len() = %d, Spilled() = %v", b.Len(), b.Spilled())
			}
			if test.spilled && b.chunks != nil {
				t.Errorf("%d chunks of memory are held beside the file", len(b.chunks))
			}
			for range 2 {
				if diff := cmp.Diff(want, collect(t, b), bytewise); diff != "" {
					t.Fatalf("events, -want +got:\n%.2000s", diff)
				}
			}
			if min := int64(test.count * test.size); b.Size() < min || b.Size() > min+int64(test.count)*80 {
				t.Errorf("Size() = %d for %d events of %d bytes", b.Size(), test.count, test.size)
			}
		})
	}
}

func TestBatchStopsWhereTheReaderStops(t *testing.T) {
	for _, limit := range []int64{0, 1 << 20} {
		b := NewBatch(Stream{}, Blob{}, limit, tempFile(t))
		fill(t, b, []Event{sample(0, 10), sample(1, 10), sample(2, 10)})
		seen := 0
		for range b.Events() {
			if seen++; seen == 2 {
				break
			}
		}
		if seen != 2 || len(collect(t, b)) != 3 {
			t.Errorf("limit %d: %d events seen before the break, %d after it", limit, seen, len(collect(t, b)))
		}
		release(t, b)
	}
}

func TestBatchSpillsAtItsLimitExactly(t *testing.T) {
	one := NewBatch(Stream{}, Blob{}, 1<<20, noFile(t))
	fill(t, one, []Event{sample(0, 100)})
	size := one.Size()
	release(t, one)
	for _, test := range []struct {
		limit   int64
		spilled bool
	}{{2 * size, false}, {2*size - 1, true}} {
		b := NewBatch(Stream{}, Blob{}, test.limit, tempFile(t))
		fill(t, b, []Event{sample(0, 100), sample(0, 100)})
		if b.Spilled() != test.spilled {
			t.Errorf("two events of %d bytes, limit %d: Spilled() = %v", size, test.limit, b.Spilled())
		}
		release(t, b)
	}
}

func TestBatchKeepsCopies(t *testing.T) {
	b := NewBatch(Stream{}, Blob{}, 1<<20, noFile(t))
	defer release(t, b)
	e := sample(0, 20)
	want := clone(e)
	fill(t, b, []Event{e})
	clear(e.Value)
	clear(e.Key)
	clear(e.Headers[0].Value)
	if diff := cmp.Diff([]Event{want}, collect(t, b), bytewise); diff != "" {
		t.Errorf("the batch holds the caller's slices, -want +got:\n%s", diff)
	}
}

func TestBatchNotesTimes(t *testing.T) {
	var b Batch
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, created := range []time.Time{{}, noon, {}, noon.Add(-time.Hour), noon.Add(time.Hour), {}} {
		b.Note(created)
	}
	if !b.Oldest.Equal(noon.Add(-time.Hour)) || !b.Newest.Equal(noon.Add(time.Hour)) {
		t.Errorf("oldest %v, newest %v", b.Oldest, b.Newest)
	}
}

// badFile has room for some bytes, gives back only some, and may refuse to close.
type badFile struct {
	bytes.Buffer
	room     int
	cut      int // bytes that are missing at the end
	rubbish  bool
	closeErr error
	closed   int
}

func (f *badFile) Write(p []byte) (int, error) {
	if f.Len()+len(p) > f.room {
		return 0, &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
	}
	return f.Buffer.Write(p)
}

func (f *badFile) ReadAt(p []byte, off int64) (int, error) {
	data := f.Bytes()[:f.Len()-f.cut]
	if f.rubbish {
		data = bytes.Repeat([]byte{0xfe}, len(data))
	}
	return bytes.NewReader(data).ReadAt(p, off)
}

func (f *badFile) Close() error {
	f.closed++
	return f.closeErr
}

func spoolError(t *testing.T, err error) {
	t.Helper()
	f, ok := errors.AsType[*Fault](err)
	if !ok || f.Cause != CauseSpool || f.Scope != OfStream {
		t.Errorf("error = %#v, want a fault of the spool", err)
	}
}

func TestFullDisk(t *testing.T) {
	for _, room := range []int{0, 100 << 10, 300 << 10} {
		file := &badFile{room: room}
		b := NewBatch(Stream{}, Blob{}, 50<<10, func() (File, error) { return file, nil })
		var err error
		for n := 0; n < 1000 && err == nil; n++ {
			err = b.Append(sample(n, 1000))
		}
		if err == nil {
			t.Fatalf("room for %d bytes: a million bytes are taken", room)
		}
		spoolError(t, err)
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("error hides its cause: %v", err)
		}
		release(t, b)
		if file.closed != 1 {
			t.Errorf("file was closed %d times", file.closed)
		}
	}
}

func TestFullDiskAtTheEnd(t *testing.T) {
	file := &badFile{}
	b := NewBatch(Stream{}, Blob{}, 0, func() (File, error) { return file, nil })
	if err := b.Append(sample(0, 100)); err != nil {
		t.Fatal(err)
	}
	err := b.Seal()
	if err == nil {
		t.Fatal("Seal() hides that nothing was written")
	}
	spoolError(t, err)
	release(t, b)
}

func TestNoFileToBeHad(t *testing.T) {
	want := &Fault{Cause: CauseSpool, Scope: OfStream, Err: errors.New("no such directory")}
	b := NewBatch(Stream{}, Blob{}, 10, func() (File, error) { return nil, want })
	if err := b.Append(sample(0, 100)); !errors.Is(err, want) {
		t.Errorf("error = %v, want %v", err, want)
	}
	if b.Len() != 0 || b.Size() != 0 {
		t.Errorf("%d events of %d bytes after the error", b.Len(), b.Size())
	}
	release(t, b)
}

func TestDamagedFile(t *testing.T) {
	for name, file := range map[string]*badFile{
		"cut in the last event": {room: 1 << 20, cut: 10},
		"cut to nothing":        {room: 1 << 20, cut: -1},
		"rubbish":               {room: 1 << 20, rubbish: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := NewBatch(Stream{}, Blob{}, 0, func() (File, error) { return file, nil })
			fill(t, b, []Event{sample(0, 1000), sample(1, 1000), sample(2, 1000)})
			if file.cut < 0 {
				file.cut = file.Len()
			}
			var err error
			events := 0
			for _, err = range b.Events() {
				if err != nil {
					break
				}
				events++
			}
			if err == nil || events == 3 {
				t.Fatalf("%d events and no error", events)
			}
			spoolError(t, err)
			if errors.Is(err, io.EOF) {
				t.Errorf("error %v passes for a good end", err)
			}
			release(t, b)
		})
	}
}

func TestReleaseTellsOfTheFile(t *testing.T) {
	file := &badFile{room: 1 << 20, closeErr: errors.New("input/output error")}
	b := NewBatch(Stream{}, Blob{}, 0, func() (File, error) { return file, nil })
	fill(t, b, []Event{sample(0, 10)})
	if err := b.Release(); err == nil || !strings.Contains(err.Error(), "close temporary file: input/output error") {
		t.Errorf("Release() = %v", err)
	}
	if err := b.Release(); err != nil || file.closed != 1 {
		t.Errorf("second Release() = %v, file closed %d times", err, file.closed)
	}
}

// TestBatchesShareNothing has batches come and go in parallel, so that chunks are used again; for the race detector.
func TestBatchesShareNothing(t *testing.T) {
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for round := range 20 {
				b := NewBatch(Stream{}, Blob{}, 1<<20, noFile(t))
				var want []Event
				for n := range 30 {
					want = append(want, sample(worker*1000+round*30+n, 5000))
				}
				for _, e := range want {
					if err := b.Append(e); err != nil {
						t.Error(err)
					}
				}
				n := 0
				for e, err := range b.Events() {
					if err != nil || n >= len(want) || !bytes.Equal(e.Value, want[n].Value) || !bytes.Equal(e.Key, want[n].Key) {
						t.Errorf("worker %d, round %d: event %d is another's (%v)", worker, round, n, err)
						break
					}
					n++
				}
				if n != len(want) {
					t.Errorf("worker %d, round %d: %d events of %d", worker, round, n, len(want))
				}
				if err := b.Release(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
