package emulator

import (
	"io"
	"net/http"
	"sync"
	"time"
)

// serveBlob answers with the records of a blob, made while they are sent.
func (c *call) serveBlob() *apiError {
	blob, _, ok := parseContentID(c.contentID)
	if !ok {
		return fail(http.StatusBadRequest, "AF20052", "Blob key %s in the url is invalid.", c.contentID)
	}
	missing := fail(http.StatusNotFound, "AF20050", "The specified content (%s) does not exist.", c.contentID)
	v := c.e.view(c.stream())
	if blob >= v.blobs || v.contentID(blob) != c.contentID || !v.offered(blob) {
		return missing
	}
	switch v.unavailable(blob) {
	case "lost":
		return missing
	case "expired":
		return fail(http.StatusBadRequest, "AF20051", "Content requested with the key %s has already expired. Content "+
			"older than 7 days cannot be retrieved.", c.contentID)
	}
	p := v.places(blob)
	if c.e.partials.is(v, blob) {
		p = p.half()
	}
	return c.send(v.answer(p))
}

// answer measures the records and writes them when asked to.
func (v *view) answer(p places) answer {
	pool := v.records()
	length := int64(2 + p.len() - 1)
	for pl := range p.all {
		length += int64(pool.length(v.key, pl))
	}
	if p.bad {
		length += int64(len(badElements))
	}
	if p.len() == 0 {
		length = 2
	}
	return answer{length: length, write: func(w io.Writer) error { return v.write(w, p) }}
}

// badElements follow the last record: one is no object, the other has no Id.
const badElements = `,"not an object",{"CreationTime":"2026-01-02T03:04:05","Operation":"FileAccessed","Workload":"SharePoint"}`

// chunk is how much of a blob is written at a time.
const chunk = 64 << 10

var chunks = sync.Pool{New: func() any { b := make([]byte, 0, chunk+16<<10); return &b }}

func (v *view) write(w io.Writer, p places) error {
	pool := v.records()
	buffer := chunks.Get().(*[]byte)
	defer chunks.Put(buffer)
	b := append((*buffer)[:0], '[')
	first := true
	var at patcher
	var err error
	for pl := range p.all {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = pool.append(b, v.stream, pl, &at)
		if len(b) < chunk {
			continue
		}
		if _, err = w.Write(b); err != nil {
			return err
		}
		b = b[:0]
	}
	if p.bad {
		b = append(b, badElements...)
	}
	_, err = w.Write(append(b, ']'))
	*buffer = b[:0]
	return err
}

// partials remembers which blobs were only ever listed from their own second on. It is empty without that fault.
type partials struct {
	mu   sync.Mutex
	half map[partialKey]bool // false: was listed from earlier, and so is complete for good
}

type partialKey struct {
	s    *stream
	blob int
}

func newPartials() *partials { return &partials{half: map[partialKey]bool{}} }

func (p *partials) listed(v *view, w window, blobs []int) {
	if v.partial == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, blob := range blobs {
		if !v.partial.picks(v.stream, blob) {
			continue
		}
		key := partialKey{v.stream, blob}
		half := v.created(blob).Truncate(time.Second).Equal(w.start.Truncate(time.Second))
		if known, seen := p.half[key]; !seen || known {
			p.half[key] = half
		}
	}
}

func (p *partials) is(v *view, blob int) bool {
	if v.partial == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.half[partialKey{v.stream, blob}]
}
