package sink_test

import (
	"cmp"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/sink"
	"o365-kafka-connector/internal/testbed"
)

// TestLettersOfOneRecord has two topics refuse the same record, one of them in two formats: that is three dead letters,
// each of its topic and format, and a fourth one of a record that has but one event.
func TestLettersOfOneRecord(t *testing.T) {
	t.Parallel()
	b := testbed.Kafka(t)
	topic, change := topics(t, func(k *sink.KafkaConfig) { k.Delivery = sink.ExactlyOnce })
	p, _, s := open(t, b.Addresses(), change)
	big := make([]byte, 91<<20)
	several := batchOf(t, "a", 1<<20, func(i int) (audit.Event, bool) {
		e := event([]string{topic + ".one", topic + ".two", topic + ".two"}[i%3], "a", 7+i/3, []byte("small"))
		e.Headers = append(e.Headers, audit.Header{Name: "format", Value: []byte([]string{"ecs/9.4.0", "raw", "incident"}[i%3])})
		if i < 3 {
			e.Value = big
		}
		return e, i < 6
	})
	several.Several = true
	single := batchOf(t, "b", 1<<20, func(i int) (audit.Event, bool) { return event(topic, "b", 7, big), i < 1 })
	single.Headers = append(single.Headers, audit.Header{Name: "format", Value: []byte("raw")})
	if several.Records() != 2 || several.Len() != 6 {
		t.Errorf("%d events of %d records", several.Len(), several.Records())
	}
	r := publish(t, p, audit.Commit{Batches: []*audit.Batch{several, single}})
	if len(r.Refused) != 4 {
		t.Errorf("%d refused", len(r.Refused))
	}
	letters := readLetters(t, s, stream)
	slices.SortFunc(letters, func(a, b audit.Letter) int {
		return cmp.Or(cmp.Compare(a.Blob.ID, b.Blob.ID), cmp.Compare(a.Topic, b.Topic), cmp.Compare(b.Format, a.Format))
	})
	type told struct {
		Blob, Topic, Format string
		Ordinal             int
		Several, Fetched    bool
	}
	var got []told
	ids := map[string]bool{}
	for _, l := range letters {
		got = append(got, told{l.Blob.ID, l.Topic, l.Format, l.Ordinal, l.Several, l.Fetched()})
		ids[l.ID] = true
	}
	want := []told{
		{"a", topic + ".one", "ecs/9.4.0", 7, true, true},
		{"a", topic + ".two", "raw", 7, true, true},
		{"a", topic + ".two", "incident", 7, true, true},
		{"b", topic, "raw", 7, false, true},
	}
	if d := gocmp.Diff(want, got); d != "" || len(ids) != 4 {
		t.Errorf("%d ids; letters (-want +got): %s", len(ids), d)
	}
	// One that is refused again is the same letter.
	again := letters[0].DeadLetter
	publish(t, take(t, s), audit.Commit{DeadLetters: []audit.DeadLetter{again}, Entry: audit.Entry{N: 2, Epoch: 1}})
	for _, l := range readLetters(t, s, stream) {
		if !ids[l.ID] {
			t.Errorf("a new letter %+v", l)
		}
	}
}
