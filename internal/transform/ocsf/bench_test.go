package ocsf_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/transform/ocsf"
)

// golden returns the records of the golden files, by the name of their row.
func golden(t testing.TB) map[string]*audit.Record {
	t.Helper()
	names, err := filepath.Glob("testdata/records/*.json")
	if err != nil || len(names) == 0 {
		t.Fatalf("records: %v, %v", names, err)
	}
	records := map[string]*audit.Record{}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		records[strings.TrimSuffix(filepath.Base(name), ".json")] = parse(bytes.TrimSpace(raw))
	}
	return records
}

func BenchmarkAppend(b *testing.B) {
	records := golden(b)
	for _, name := range []string{"sign-in", "file", "mailbox", "role", "alert", "dlp-match", "mail-scan", "team", "api"} {
		b.Run(name, func(b *testing.B) {
			e, r := ocsf.NewEncoder(options), records[name]
			var event []byte
			b.SetBytes(int64(len(r.Raw)))
			b.ReportAllocs()
			for b.Loop() {
				event = e.Append(event[:0], blob, r)
			}
			b.ReportMetric(float64(len(event))/float64(len(r.Raw)), "growth")
		})
	}
}

func TestAppendAllocatesLittle(t *testing.T) {
	e := ocsf.NewEncoder(ocsf.Options{Stream: stream, RawData: true})
	var event []byte
	for name, r := range golden(t) {
		event = e.Append(event[:0], blob, r)
		if n := testing.AllocsPerRun(20, func() { event = e.Append(event[:0], blob, r) }); n > 4 {
			t.Errorf("%s: %v allocations for a record, want 4 at most", name, n)
		}
	}
}
