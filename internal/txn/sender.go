package txn

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/produce"

	"o365-kafka-connector/internal/broker"
)

// sender sends batches under the sequences of a session. What becomes of the session is its owner's business.
type sender struct {
	conn        *broker.Conn
	topics      *Topics
	codec       Codec
	timeout     time.Duration // for each request
	transaction string        // transactional id; empty: none

	session session
	next    map[Partition]int32 // sequence of the next record
}

// restart begins a session, whose sequences start at 0.
func (s *sender) restart(in session) {
	s.session, s.next = in, map[Partition]int32{}
}

// distinct makes sure that no two batches would go under the same sequence: the broker would drop the second one.
func distinct(batches []*Batch) error {
	seen := make(map[Partition]bool, len(batches))
	for _, b := range batches {
		if seen[b.Partition] {
			return fmt.Errorf("publish: two batches for partition %d of topic %s at once", b.Partition.Number, b.Partition.Topic)
		}
		seen[b.Partition] = true
	}
	return nil
}

// round is what came of one attempt at each batch.
type round struct {
	written []*Batch
	left    []*Batch
	refused []Refusal
	failure Failure // the worst of them; the first of several that are equal
	worst   verdict
	doubt   bool // a refused batch may have been written by an earlier attempt
}

// severity orders verdicts for the owner of a session.
var severity = map[verdict]int{done: 0, again: 1, busy: 1, refused: 2, unlisted: 3, denied: 4, unsupported: 5, lost: 6, fenced: 7}

func (r *round) judge(v verdict, f Failure) {
	worse := severity[v] > severity[r.worst]
	if worse {
		r.worst = v
	}
	moved := errors.Is(f.Err, ErrMoved) && !errors.Is(r.failure.Err, ErrMoved)
	if v != refused && (r.failure.Err == nil || worse || moved) {
		r.failure = f
	}
}

func (r *round) fail(b *Batch, v verdict, err error) {
	r.left = append(r.left, b)
	r.judge(v, Failure{Topic: b.Partition.Topic, Err: err})
}

// round tries each batch once: one request to each leader, all at the same time. Two requests to one broker at a time
// would have its checks of our transaction collide (KIP-890), and most of them fail.
func (s *sender) round(ctx context.Context, batches []*Batch) round {
	r := round{worst: done}
	requests := s.requests(ctx, batches, &r)
	answers := make([]answer, len(requests))
	var wg sync.WaitGroup
	for i, req := range requests {
		wg.Go(func() { answers[i] = s.send(ctx, req) })
	}
	wg.Wait()
	for i, req := range requests {
		for _, t := range req.topics {
			for _, b := range t.batches {
				s.settle(b, answers[i], &r)
			}
		}
	}
	return r
}

// requests stamps the batches and sorts them by leader and topic.
func (s *sender) requests(ctx context.Context, batches []*Batch, r *round) []*produceRequest {
	var out []*produceRequest
	byLeader := map[int32]*produceRequest{}
	for _, b := range batches {
		leader, err := s.leader(ctx, b.Partition)
		if err == nil {
			err = b.stamp(s.session, s.next[b.Partition], s.codec)
		}
		if err != nil {
			s.topics.Forget(b.Partition.Topic)
			r.fail(b, verdictOf(err), err)
			continue
		}
		req, ok := byLeader[leader]
		if !ok {
			wait := s.timeout - s.timeout/5 // the broker should give up before we do
			req = &produceRequest{
				leader: leader, clientID: s.conn.Transport.ClientID, transaction: s.transaction,
				timeout: int32(wait.Milliseconds()),
			}
			byLeader[leader], out = req, append(out, req)
		}
		req.add(b)
	}
	return out
}

func (s *sender) leader(ctx context.Context, at Partition) (int32, error) {
	partitions, err := s.topics.Partitions(ctx, at.Topic)
	if err != nil {
		return 0, err
	}
	if int(at.Number) >= len(partitions) {
		return 0, fmt.Errorf("partition %d of topic %s: %w", at.Number, at.Topic, ErrMoved)
	}
	if leader := partitions[at.Number].Leader; leader >= 0 {
		return leader, nil
	}
	return 0, fmt.Errorf("partition %d of topic %s: %w", at.Number, at.Topic, kafka.LeaderNotAvailable)
}

// answer is what a leader said about each partition, or why it said nothing.
type answer struct {
	parts map[Partition]produce.ResponsePartition
	err   error
}

func (s *sender) send(ctx context.Context, req *produceRequest) answer {
	ctx, cancel := context.WithTimeoutCause(ctx, s.timeout, errNoAnswer(s.timeout))
	defer cancel()
	m, err := s.conn.Transport.RoundTrip(ctx, s.conn.Addr, req)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return answer{err: fmt.Errorf("produce to broker %d: %w", req.leader, err)}
	}
	a := answer{parts: map[Partition]produce.ResponsePartition{}}
	for _, t := range m.(*produce.Response).Topics {
		for _, part := range t.Partitions {
			a.parts[Partition{Topic: t.Topic, Number: part.Partition}] = part
		}
	}
	return a
}

// settle draws the consequences of an answer for one batch.
func (s *sender) settle(b *Batch, a answer, r *round) {
	at := b.Partition
	if a.err != nil {
		b.lent, b.doubt = true, true
		s.topics.Forget(at.Topic)
		r.fail(b, verdictOf(a.err), a.err)
		return
	}
	part, ok := a.parts[at]
	if !ok {
		part = produce.ResponsePartition{ErrorCode: int16(kafka.Unknown), ErrorMessage: "the answer leaves it out"}
	}
	switch v := verdicts[kafka.Error(part.ErrorCode)]; v {
	case done:
		s.next[at] = nextSequence(s.next[at], b.Len())
		b.offset = part.BaseOffset
		r.written = append(r.written, b)
	case refused:
		r.doubt = r.doubt || b.doubt
		r.judge(refused, Failure{})
		r.refused = append(r.refused, refusalOf(b, part))
	case lost, fenced:
		r.fail(b, v, produceError(at, part))
	default:
		b.doubt = b.doubt || mayBeWritten(kafka.Error(part.ErrorCode))
		s.topics.Forget(at.Topic)
		r.fail(b, v, produceError(at, part))
	}
}

// mayBeWritten tells whether a batch may stand in the leader's log although the answer is an error: it was not
// replicated in time, or the code is one that says nothing.
func mayBeWritten(code kafka.Error) bool { return inDoubt[code] || verdicts[code] == unlisted }

var inDoubt = map[kafka.Error]bool{
	kafka.RequestTimedOut: true, kafka.NotEnoughReplicasAfterAppend: true, kafka.NetworkException: true, kafka.KafkaStorageError: true,
}

func refusalOf(b *Batch, part produce.ResponsePartition) Refusal {
	out := Refusal{Batch: b, Err: produceError(b.Partition, part)}
	for _, e := range part.RecordErrors {
		out.Guilty = append(out.Guilty, int(e.BatchIndex))
	}
	return out
}

func produceError(at Partition, part produce.ResponsePartition) error {
	err := fmt.Errorf("produce to partition %d of topic %s: %w", at.Number, at.Topic, kafka.Error(part.ErrorCode))
	if part.ErrorMessage != "" {
		err = fmt.Errorf("%w: %s", err, part.ErrorMessage)
	}
	return err
}

// verdictOf judges an error of a request. What is no answer of a broker is a fault on the way to it.
func verdictOf(err error) verdict {
	if errors.Is(err, ErrUnsupported) {
		return unsupported
	}
	if code, ok := errors.AsType[kafka.Error](err); ok {
		return verdicts[code]
	}
	return again
}

// errNoAnswer is a time-out by its own words, told apart from the caller's context.
type errNoAnswer time.Duration

// Error says how long we waited.
func (e errNoAnswer) Error() string { return "no answer within " + time.Duration(e).String() }

// Timeout makes it a net.Error.
func (errNoAnswer) Timeout() bool { return true }

// Temporary makes it a net.Error.
func (errNoAnswer) Temporary() bool { return true }
