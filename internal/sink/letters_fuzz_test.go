package sink

import (
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/txn"
)

func FuzzReadLetter(f *testing.F) {
	s := audit.Stream{Tenant: audit.Tenant{ID: "t"}, ContentType: audit.Exchange}
	f.Add("blob", "7", "3", "2026-01-02T03:04:05Z", "5a", []byte(`{"content_id":"b","content_created":"2026-01-02T03:04:05.000Z"}`))
	f.Add("record", "", "", "", "", []byte(`{"Id":"a"}`))
	f.Fuzz(func(t *testing.T, kind, ordinal, attempts, failed, sum string, value []byte) {
		rec := txn.StoredRecord{Key: []byte("id"), Value: value, Time: time.Unix(1, 0)}
		for name, text := range map[string]string{
			"tenant": "t", "content_type": string(audit.Exchange), "content_id": "b", "kind": kind, "ordinal": ordinal,
			"attempts": attempts, "first_failed": failed, "last_failed": failed, "sha256": sum, "cause": "refused",
		} {
			rec.Headers = append(rec.Headers, kafka.Header{Key: name, Value: []byte(text)})
		}
		l, ok := readLetter(s, rec)
		if ok != (kind == "blob" || kind == "record") {
			t.Fatalf("kind %q: %t", kind, ok)
		}
		if ok && (l.Blob.ID != "b" || l.Record != (kind == "record") || !l.Record && l.Value != nil) {
			t.Errorf("%+v", l)
		}
		if y := l.FirstFailed.Year(); y < 0 || y > 9999 {
			t.Errorf("year %d", y)
		}
	})
}
