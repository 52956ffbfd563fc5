package sink

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/txn"
)

// maxRecord is what no broker is asked to take: a request larger than its socket.request.max.bytes (100 MiB unless set)
// makes it hang up without an answer.
const maxRecord = 90 << 20

var errTooLarge = fmt.Errorf("not sent, as it is larger than %d MiB: %w", maxRecord>>20, kafka.MessageSizeTooLarge)

// isolate publishes a refused batch by halves until the guilty record is alone.
func (p *publisher) isolate(ctx context.Context, in *part, why error) error {
	if in.Len() == 1 {
		return p.refuse(ctx, in, why)
	}
	p.sink.forgetLimit(in.Partition.Topic)
	for _, cut := range [][2]int{{0, in.Len() / 2}, {in.Len() / 2, in.Len()}} {
		half := &part{Batch: in.Slice(cut[0], cut[1]), origins: in.origins[cut[0]:cut[1]]}
		if err := p.send(ctx, []*part{half}); err != nil {
			return err
		}
	}
	return nil
}

// refuse puts a record that the broker will not take where it can be found again.
func (p *publisher) refuse(ctx context.Context, in *part, why error) error {
	from := in.origins[0]
	switch from.batch {
	case fromDeadLetter:
		return p.reference(ctx, p.letter(from.ordinal), why)
	case fromStatus:
		return why
	}
	d := p.refusal(in.Batch, from, why)
	p.refused = append(p.refused, d)
	index := len(p.commit.DeadLetters) + len(p.refused) - 1
	if err := p.deadLetter(ctx, d, int32(index)); err != nil {
		return err
	}
	return p.flush(ctx)
}

// letter finds a dead letter by its index: those of the commit first, then those refused.
func (p *publisher) letter(index int32) audit.DeadLetter {
	if n := len(p.commit.DeadLetters); int(index) >= n {
		return p.refused[int(index)-n]
	}
	return p.commit.DeadLetters[index]
}

func (p *publisher) refusal(b *txn.Batch, from origin, why error) audit.DeadLetter {
	_, value := b.Value(0)
	sum := sha256.Sum256(value)
	now := p.sink.options.Now()
	cause := audit.CauseTooLarge
	if errors.Is(why, kafka.InvalidRecord) {
		cause = audit.CauseRefused
	}
	id, _ := b.Header(0, "record_id")
	batch := p.commit.Batches[from.batch]
	format, _ := b.Header(0, "format")
	first := batch.FirstFailed
	if first.IsZero() {
		first = now
	}
	return audit.DeadLetter{
		Stream: p.stream, Blob: batch.Blob,
		Record: true, RecordID: string(id), Ordinal: int(from.ordinal),
		Topic: b.Partition.Topic, Format: string(format), Several: batch.Several,
		Value: append([]byte(nil), value...), Size: int64(len(value)), SHA256: hex.EncodeToString(sum[:]),
		Cause: cause, Error: why.Error(), Attempts: batch.Attempts + 1, FirstFailed: first, LastFailed: now,
	}
}

// reference publishes a dead letter without its bytes, since the dead-letter topic refuses them too. If it refuses
// even that, the stream waits: nothing may get lost.
func (p *publisher) reference(ctx context.Context, d audit.DeadLetter, why error) error {
	d.Value = nil
	for pace := txn.Pace(); ; {
		t, err := p.open(ctx, p.sink.config.DeadLetterTopic)
		if err != nil {
			return err
		}
		r := p.letterRecord(d)
		in := p.alone(p.sink.config.DeadLetterTopic, t.choose(r.Key), r, origin{batch: fromDeadLetter})
		refused, err := p.out.Flush(ctx, []*txn.Batch{in.Batch})
		if err != nil || len(refused) == 0 {
			return err
		}
		p.sink.options.Trouble(p.stream, &audit.Fault{
			Cause: audit.CauseSink, Scope: audit.OfStream, Err: refused[0].Err,
			Hint: "raise max.message.bytes of the topic that kafka.dead_letter_topic names: it refuses even a short message",
		})
		if err := txn.Wait(ctx, pace.NextBackOff()); err != nil {
			return errors.Join(err, why)
		}
	}
}
