package e2e

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"o365-kafka-connector/internal/emulator"
)

const bigBlob = 60_000_000

// A big blob goes through a temporary file, takes little memory and holds up neither its own stream's other blobs nor
// other streams. No other test runs beside this one.
func TestBigBlobTakesLittleMemory(t *testing.T) {
	spool := t.TempDir()
	c := play(t, setup{
		faults: []emulator.Fault{
			{Kind: emulator.BigBlob, ContentType: emulator.General, After: 1, First: 1, Bytes: bigBlob},
			{Kind: emulator.SlowBody, ContentType: emulator.General, Operation: "blob", Bytes: 15 << 20},
		},
		settings: map[string]any{
			"source.buffer": "8MiB", "source.blob_buffer": "1MiB", "source.spool": spool, "source.timeout": "3s",
		},
		wait: true,
	})
	c.offered("", "") // makes what the emulator makes once
	watch := watchMemory(spool)
	c.run()
	small := c.offered("", emulator.Exchange)
	c.await("the other stream is read", 3*time.Second, func() bool { return recordsOf(c, emulator.Exchange) == small })
	c.await("the small blobs of the stream are read", 3*time.Second, func() bool { return recordsOf(c, emulator.General) == 100 })
	if got := recordsOf(c, emulator.General); got > 100 {
		t.Errorf("the others came after the big blob: %d records", got)
	}
	c.await("the big blob is read", 60*time.Second, func() bool { return recordsOf(c, emulator.General) > 10_000 })
	grown, spooled := watch.end()
	t.Logf("the heap grew by %d MB", grown>>20)
	if limit := int64(30 << 20); grown > limit {
		t.Errorf("the heap grew by %d MB for a blob of %d MB, want %d MB at most", grown>>20, bigBlob>>20, limit>>20)
	}
	if !spooled && runtime.GOOS == "linux" {
		t.Errorf("no temporary file was seen in %s", spool)
	}
	if left, err := os.ReadDir(spool); err != nil || len(left) > 0 {
		t.Errorf("left in the spool directory: %v %v", left, err)
	}
	c.delivers(10 * time.Second)
}

// recordsOf tells how many records of a stream are published, without reading them.
func recordsOf(c *scene, contentType string) int {
	for _, s := range c.daemon.Status() {
		if string(s.ContentType) == contentType {
			return int(s.RecordsTotal)
		}
	}
	return 0
}

// memoryWatch looks at the heap, and at the open files, every few milliseconds.
type memoryWatch struct {
	done    chan struct{}
	looking sync.WaitGroup
	spool   string
	before  uint64
	peak    uint64
	spooled bool
}

func watchMemory(spool string) *memoryWatch {
	w := &memoryWatch{done: make(chan struct{}), spool: spool}
	runtime.GC()
	w.before = heapInUse()
	w.looking.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				w.peak = max(w.peak, heapInUse())
				w.spooled = w.spooled || hasOpen(w.spool)
			case <-w.done:
				return
			}
		}
	})
	return w
}

func (w *memoryWatch) end() (grown int64, spooled bool) {
	close(w.done)
	w.looking.Wait()
	return int64(w.peak) - int64(w.before), w.spooled
}

func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// hasOpen reports whether this process has a file of the directory open, be it unlinked.
func hasOpen(dir string) bool {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return false
	}
	for _, fd := range open {
		target, err := os.Readlink(filepath.Join("/proc/self/fd", fd.Name()))
		if err == nil && strings.HasPrefix(target, dir+string(filepath.Separator)) {
			return true
		}
	}
	return false
}
