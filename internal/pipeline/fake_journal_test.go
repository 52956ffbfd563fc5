package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"o365-kafka-connector/internal/audit"
)

// fakeJournal is a sink that keeps a journal in memory, in transactions.
type fakeJournal struct {
	fakeSink

	log    []audit.Logged
	others int64 // messages of other streams that stand before the log
	tail   int64 // and behind it
	kafka  audit.Standing
	owner  int
	before func(n int64) error // a transaction commits; an error aborts it, and its entry stays in the log
	after  func(n int64) error // it is committed, and the answer may get lost
}

func newJournal(w *world) *fakeJournal {
	return &fakeJournal{fakeSink: fakeSink{w}, kafka: audit.Standing{N: -1}}
}

func (j *fakeJournal) Open(context.Context, audit.Stream, int64) (Publisher, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.owner++
	return &journalist{fakeJournal: j, owner: j.owner, standing: j.kafka}, nil
}

// journalist is one take of the fake journal.
type journalist struct {
	*fakeJournal
	owner    int
	standing audit.Standing
	ended    bool
}

func (p *journalist) Standing() (audit.Standing, bool) { return p.standing, true }

func (p *journalist) Publish(ctx context.Context, c audit.Commit) (audit.Receipt, error) {
	p.mu.Lock()
	fenced, ended := p.owner != p.fakeJournal.owner, p.ended
	p.mu.Unlock()
	switch {
	case fenced:
		return audit.Receipt{}, fmt.Errorf("%w: in Kafka", audit.ErrFenced)
	case ended:
		return audit.Receipt{}, errors.New("used on after an error")
	case c.Entry.Empty() && len(c.Batches)+len(c.DeadLetters) == 0:
		return p.fakeSink.Publish(ctx, c)
	}
	p.write(c.Entry)
	if err := call(p.world, p.before, c.Entry.N); err != nil {
		p.ended = true
		return audit.Receipt{}, err
	}
	_, err := p.fakeSink.Publish(context.WithoutCancel(ctx), c)
	if err != nil {
		p.ended = true
		return audit.Receipt{}, err
	}
	p.mu.Lock()
	p.kafka = audit.Standing{N: c.Entry.N, Epoch: c.Entry.Epoch}
	position := p.log[len(p.log)-1].Position
	p.mu.Unlock()
	if err := call(p.world, p.after, c.Entry.N); err != nil {
		p.ended = true
		return audit.Receipt{}, err
	}
	return audit.Receipt{Position: position}, nil
}

// begin makes the topic anew. The entry that is just being written is the stream's first one in it.
func (j *fakeJournal) begin(others, tail int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	last := j.log[len(j.log)-1]
	last.Position = others + 1
	j.log, j.others, j.tail = []audit.Logged{last}, others, tail
}

func (p *journalist) write(e audit.Entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = append(p.log, audit.Logged{Entry: e, Position: p.others + int64(len(p.log)) + 1})
}

func (p *journalist) Entries(_ context.Context, from int64) iter.Seq2[audit.Logged, error] {
	return func(yield func(audit.Logged, error) bool) {
		p.mu.Lock()
		log, others, tail := slices.Clone(p.log), p.others, p.tail
		p.mu.Unlock()
		if from > others+int64(len(log))+tail {
			yield(audit.Logged{}, audit.ErrBeyondEnd)
			return
		}
		for _, l := range log[min(max(0, from-others), int64(len(log))):] {
			if !yield(l, nil) {
				return
			}
		}
	}
}
