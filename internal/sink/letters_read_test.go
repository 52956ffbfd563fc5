package sink_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/sink"
	"o365-kafka-connector/internal/testbed"
)

// readLetters returns the stream's letters of the whole topic.
func readLetters(t *testing.T, s sink.Sink, of audit.Stream) (out []audit.Letter) {
	t.Helper()
	letters, ok := sink.LettersOf(s)
	if !ok {
		t.Fatal("the sink has no letters")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ends, err := letters.Ends(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for i, end := range ends {
		for l, err := range letters.Read(ctx, of, audit.LetterRange{Partition: i, To: end}) {
			if err != nil {
				t.Fatal(err)
			}
			if l.Partition != i || l.Offset >= end || time.Since(l.Written) > time.Hour || l.ID == "" {
				t.Errorf("letter %+v", l)
			}
			out = append(out, l)
		}
	}
	return out
}

func TestDeadLettersAreReadBack(t *testing.T) {
	t.Parallel()
	b := testbed.Kafka(t)
	_, change := topics(t, func(k *sink.KafkaConfig) { k.Delivery = sink.ExactlyOnce })
	p, _, s := open(t, b.Addresses(), change)
	if got := readLetters(t, s, stream); len(got) != 0 {
		t.Errorf("letters before there is a topic: %+v", got)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	blob := audit.Blob{ID: "blob-1", URI: "https://x/1", Created: at, Listed: at.Format(time.RFC3339Nano), Expires: at.AddDate(0, 0, 7)}
	kept := []byte(`{"content_id":"blob-2"}`) // a record that looks like a reference
	sum := sha256.Sum256(kept)
	letters := []audit.DeadLetter{
		{Stream: stream, Blob: blob, SHA256: "5a", Cause: audit.CauseMalformed, Error: "bad", Attempts: 3, FirstFailed: at, LastFailed: at.Add(time.Minute)},
		{Stream: stream, Blob: audit.Blob{ID: "blob-2"}, Record: true, RecordID: "r", Ordinal: 7, Value: kept, Size: 23, SHA256: hex.EncodeToString(sum[:]), Cause: audit.CauseTooLarge, Error: "big", Attempts: 1, FirstFailed: at, LastFailed: at},
		{Stream: stream, Blob: blob, Record: true, RecordID: "s", Ordinal: 8, Size: 99, SHA256: "77", Cause: audit.CauseTooLarge, Error: "bigger", Attempts: 2, FirstFailed: at, LastFailed: at},
	}
	publish(t, p, audit.Commit{DeadLetters: letters, Entry: audit.Entry{N: 1, Epoch: 1, Time: at, Done: []audit.Hash{blob.Hash()}}})
	got := map[string]audit.DeadLetter{}
	for _, l := range readLetters(t, s, stream) {
		got[l.RecordID] = l.DeadLetter
	}
	want := map[string]audit.DeadLetter{"": letters[0], "r": letters[1], "s": letters[2]}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("letters (-want +got): %s", d)
	}
	other := stream
	other.ContentType = audit.General
	if got := readLetters(t, s, other); len(got) != 0 {
		t.Errorf("letters of another stream: %+v", got)
	}
}
