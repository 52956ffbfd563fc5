package checkpoint

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// FuzzOperatorTexts decodes what stands in Redis or on the disk: anything is an error or survives a round trip.
func FuzzOperatorTexts(f *testing.F) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, seed := range []string{
		``, `{}`, `null`, `["eA==",""]`, `{"until":"2026-11-23T10:00:00Z","answer":["eA=="]}`,
		`{"state":"paused","since":"2026-11-23T10:00:00+02:00","backfills":[{"id":"a","asked":"2026-11-23T10:00:00Z"},{"id":""}]}`,
		`{"state":"reading","gaps":[{"from":"2026-11-23T10:00:00Z","to":null}],"last_error":{}}`,
		`0 {"id":"a","state":"running","next":"2026-11-23T10:00:00Z"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if w, err := decodeWish(text, now); err == nil {
			again, err := encodeWish(w, now)
			if err != nil {
				return // a back-fill without id, too many, or a year that JSON cannot hold
			}
			back, err := decodeWish(again, now)
			if err != nil || len(back.Backfills) != len(w.Backfills) || back.State != w.State {
				t.Fatalf("%q becomes %q: %+v, %v", text, again, back, err)
			}
		}
		if s, err := decodeStatus([]byte(text), exchange); err == nil {
			if again, err := encodeStatus(s); err == nil {
				back, err := decodeStatus(again, exchange)
				if diff := cmp.Diff(s, back); err != nil || diff != "" {
					t.Fatal(err, diff)
				}
			}
		}
		if p, err := unpackBackfill(text); err == nil {
			if again, err := packBackfill(p); err == nil {
				if back, err := unpackBackfill(again); err != nil || back.ID != p.ID || !back.Next.Equal(p.Next) {
					t.Fatalf("%q becomes %q: %v", text, again, err)
				}
			}
		}
		_, _ = decodeAnswer([]byte(text))
		_, _, _ = decodeAnswerFile([]byte(text))
	})
}

func FuzzDocument(f *testing.F) {
	f.Add([]byte(`{"until":"2026-11-23T10:00:00Z","value":"AAE="}`))
	f.Add([]byte(`{"value":7}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := decodeDocument(text)
		if err != nil {
			return
		}
		again, err := json.Marshal(d)
		if err != nil {
			return // a year of five digits
		}
		if same, err := decodeDocument(again); err != nil || !bytes.Equal(same.Value, d.Value) || !same.Until.Equal(d.Until) {
			t.Errorf("%s reads as %+v, then as %+v, %v", text, d, same, err)
		}
	})
}
