package sink

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/txn"
)

// Letters reads the dead letters back. Calls may be concurrent.
type Letters struct{ sink *KafkaSink }

// LettersOf returns the dead letters of a sink; false if it keeps none that could be read back.
func LettersOf(s Sink) (Letters, bool) {
	k, ok := s.(*KafkaSink)
	return Letters{k}, ok
}

// Ends returns where each partition of the topic ends now. A topic that does not exist yet has no partitions.
func (l Letters) Ends(ctx context.Context) ([]int64, error) {
	partitions, err := l.partitions(ctx)
	if err != nil {
		return nil, err
	}
	ends := make([]int64, partitions)
	for i := range ends {
		if ends[i], err = l.reader(audit.Stream{}, i).End(ctx); err != nil {
			return nil, l.explain(err)
		}
	}
	return ends, nil
}

// partitions returns how many there are, as soon as a broker answers.
func (l Letters) partitions(ctx context.Context) (int, error) {
	k, topic := l.sink, l.sink.config.DeadLetterTopic
	for pace := txn.Pace(); ; {
		cluster, err := k.conn.Describe(ctx, topic)
		known := cluster.Topics[topic]
		if err == nil {
			err = known.Err
		}
		if err == nil {
			return len(known.Partitions), nil
		}
		p := k.conn.Explain(err, broker.About{Topic: topic})
		if p.Kind == broker.UnknownTopic {
			return 0, nil
		}
		if isDenied(p) || ctx.Err() != nil {
			return 0, l.explain(err)
		}
		k.options.Trouble(audit.Stream{}, l.explain(err))
		if stop := txn.Wait(ctx, pace.NextBackOff()); stop != nil {
			return 0, fmt.Errorf("%w; last: %w", stop, l.explain(err))
		}
	}
}

func (l Letters) explain(err error) *audit.Fault {
	topic := l.sink.config.DeadLetterTopic
	p := l.sink.conn.Explain(err, broker.About{Topic: topic, Operations: "Read,Describe"})
	return &audit.Fault{Cause: audit.CauseSink, Scope: audit.OfStream, Hint: p.Hint, Err: err}
}

// Read yields the stream's letters that stand in a range, in the order of the log: what is committed of them, after
// waiting for transactions that are open. It tries again by itself until the context ends. What others wrote to the
// topic is left out.
func (l Letters) Read(ctx context.Context, s audit.Stream, r audit.LetterRange) iter.Seq2[audit.Letter, error] {
	return func(yield func(audit.Letter, error) bool) {
		for rec, err := range l.reader(s, r.Partition).Records(ctx, r.From, r.To) {
			if err != nil {
				yield(audit.Letter{}, l.explain(err))
				return
			}
			letter, ok := readLetter(s, rec)
			if !ok {
				continue
			}
			letter.Partition = r.Partition
			if !yield(letter, nil) {
				return
			}
		}
	}
}

func (l Letters) reader(s audit.Stream, partition int) *txn.CommittedReader {
	k := l.sink
	at := txn.Partition{Topic: k.config.DeadLetterTopic, Number: int32(partition)}
	return txn.NewCommittedReader(k.conn, at, txn.ReaderOptions{Timeout: requestTimeout, Failed: func(_ context.Context, f txn.Failure) {
		k.options.Trouble(s, l.explain(f.Err))
	}})
}

// readLetter reads what letterRecord writes; false for what is no letter of the stream.
func readLetter(s audit.Stream, rec txn.StoredRecord) (audit.Letter, bool) {
	h := map[string]string{}
	for _, header := range rec.Headers {
		h[header.Key] = string(header.Value)
	}
	kind := h["kind"]
	if h["tenant"] != s.Tenant.ID || h["content_type"] != string(s.ContentType) || h["content_id"] == "" || len(rec.Key) == 0 ||
		kind != "blob" && kind != "record" {
		return audit.Letter{}, false
	}
	l := audit.Letter{ID: string(rec.Key), Offset: rec.Offset, Written: rec.Time.UTC(), DeadLetter: audit.DeadLetter{
		Stream: s, Blob: audit.Blob{ID: h["content_id"]}, Record: kind == "record", RecordID: h["record_id"],
		Topic: h["topic"], Format: h["format"], SHA256: h["sha256"], Cause: audit.Cause(h["cause"]), Error: h["error"],
		FirstFailed: timeOf(h["first_failed"]), LastFailed: timeOf(h["last_failed"]),
	}}
	l.Ordinal, _ = strconv.Atoi(h["ordinal"])
	l.Attempts, _ = strconv.Atoi(h["attempts"])
	l.Size, _ = strconv.ParseInt(h["size"], 10, 64)
	l.Several = l.Record && deadLetterKey(l.DeadLetter) != l.ID
	if b, ok := referredTo(rec.Value); ok && b.ID == l.Blob.ID && (!l.Record || !isHash(rec.Value, l.SHA256)) {
		l.Blob = b
	} else if l.Record {
		l.Value = rec.Value
	}
	return l, true
}

// referredTo reads a reference to a blob.
func referredTo(value []byte) (audit.Blob, bool) {
	var r blobReference
	if err := json.Unmarshal(value, &r, allowAnyText); err != nil || r.ContentID == "" {
		return audit.Blob{}, false
	}
	return audit.Blob{
		ID: r.ContentID, URI: r.ContentURI, Created: timeOf(r.ContentCreated), Listed: r.ContentCreated, Expires: timeOf(r.ContentExpiration),
	}, true
}

func isHash(value []byte, want string) bool {
	sum := sha256.Sum256(value)
	return hex.EncodeToString(sum[:]) == want
}

// timeOf reads what timeText writes; what cannot be read is the zero time.
func timeOf(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}
