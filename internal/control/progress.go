package control

import (
	"context"
	"sync"
)

// progress tells how far a partition's commands are done without a hole.
type progress struct {
	mu        sync.Mutex // guards the following
	flights   []*flight  // by offset
	next      int64      // after the last one that was read
	committed int64
}

// flight is a command that was read and is not forgotten yet.
type flight struct {
	offset int64
	done   bool
}

func (p *progress) begin(offset int64) *flight {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := &flight{offset: offset}
	p.flights, p.next = append(p.flights, f), offset+1
	return f
}

func (p *progress) end(f *flight) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f.done = true
	for len(p.flights) > 0 && p.flights[0].done {
		p.flights = p.flights[1:]
	}
}

// low returns the offset that can be committed, if it is not yet.
func (p *progress) low() (int64, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	low := p.next
	if len(p.flights) > 0 {
		low = p.flights[0].offset
	}
	return low, low > p.committed && low >= 0
}

func (p *progress) commit(offset int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.committed = offset
}

// end marks a command as done for good.
func (n *generation) end(partition int, f *flight) {
	n.progress[partition].end(f)
	select {
	case n.dirty <- struct{}{}:
	default:
	}
}

func (n *generation) commitAll(ctx context.Context) {
	for {
		select {
		case <-n.dirty:
			n.commit()
		case <-ctx.Done():
			return
		}
	}
}

// commit commits what can be. What cannot be told to the broker is done again by the next owner, to no second effect.
func (n *generation) commit() {
	offsets := map[int]int64{}
	for partition, p := range n.progress {
		if low, ok := p.low(); ok {
			offsets[partition] = low
		}
	}
	if len(offsets) == 0 {
		return
	}
	if err := n.kafka.CommitOffsets(map[string]map[int]int64{n.config.Topic: offsets}); err != nil {
		n.log.Warn("offsets of commands cannot be committed", "error", err,
			"hint", "nothing to do if it ends by itself: commands that were done are answered again, not done again")
		return
	}
	for partition, offset := range offsets {
		n.progress[partition].commit(offset)
	}
}
