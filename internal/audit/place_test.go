package audit

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReaderAt(t *testing.T) {
	b := NewBatch(Stream{}, Blob{}, 1<<20, nil)
	show := func(e Event) string { return fmt.Sprintf("%+v", e) }
	var want []string
	for i := range 300 { // more than one chunk
		e := Event{Topic: "t", Key: []byte{byte(i)}, Value: make([]byte, i*7), Ordinal: i}
		e.Headers = []Header{{Name: "n", Value: []byte{byte(i), 1}}}
		if i%3 == 0 {
			e.Key = nil
		}
		want = append(want, show(e))
		if err := b.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Seal(); err != nil {
		t.Fatal(err)
	}

	var r Reader
	var places []Place
	for p, e := range r.Places(b) {
		if e.Ordinal != len(places) || e.Topic != "t" || (e.Key == nil) != (e.Ordinal%3 == 0) {
			t.Errorf("place %d tells ordinal %d, topic %q, key %v", len(places), e.Ordinal, e.Topic, e.Key)
		}
		places = append(places, p)
	}
	got := make([]string, len(places))
	for i := len(places) - 1; i >= 0; i-- {
		e, err := r.At(b, places[i])
		if err != nil {
			t.Fatal(err)
		}
		got[i] = show(e)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events by place (-want +got):\n%s", diff)
	}
}
