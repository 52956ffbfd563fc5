package audit

import (
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDroppedRecordsAreLeftOut reads a batch in every way there is, in memory and from a file.
func TestDroppedRecordsAreLeftOut(t *testing.T) {
	for _, limit := range []int64{1 << 20, 0} {
		t.Run(fmt.Sprint("limit ", limit), func(t *testing.T) {
			b := NewBatch(Stream{}, Blob{}, limit, func() (File, error) { return os.CreateTemp(t.TempDir(), "") })
			for ordinal := range 200 {
				for range 1 + ordinal%2 { // some records become several events
					if err := b.Append(Event{Topic: "t", Ordinal: ordinal, Value: []byte{byte(ordinal)}}); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := b.Seal(); err != nil {
				t.Fatal(err)
			}
			b.Drop(0, 1)
			b.Drop(63, 2)
			b.Drop(128, 1)
			var want, got, placed []int
			for ordinal := range 200 {
				for range 1 + ordinal%2 {
					if ordinal != 0 && ordinal != 63 && ordinal != 128 {
						want = append(want, ordinal)
					}
				}
			}
			for e, err := range b.Events() {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, e.Ordinal)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if b.Len() != len(want) || b.Records() != 197 {
				t.Errorf("%d events of %d records", b.Len(), b.Records())
			}
			if !b.Spilled() {
				for _, e := range new(Reader).Places(b) {
					placed = append(placed, e.Ordinal)
				}
				if diff := cmp.Diff(want, placed); diff != "" {
					t.Errorf("places: %s", diff)
				}
			}
			if err := b.Release(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
