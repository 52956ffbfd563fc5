package ocsf_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/transform/ocsf"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	stream = audit.Stream{
		Tenant:      audit.Tenant{ID: "11111111-1111-1111-1111-111111111111", Name: "contoso"},
		ContentType: audit.General,
	}
	blob = audit.Blob{
		ID: "20261123091500000000001$audit_general$1234", Created: time.Date(2026, 11, 23, 10, 15, 0, 0, time.UTC),
		Listed: "2026-11-23T10:15:00.000Z",
	}
	options = ocsf.Options{
		Stream: stream, Now: func() time.Time { return time.Date(2026, 11, 23, 10, 16, 0, 0, time.UTC) },
	}
)

// TestGolden encodes the records of testdata/records: each row of the mapping has its own, named after it.
func TestGolden(t *testing.T) {
	e := ocsf.NewEncoder(options)
	for name, r := range golden(t) {
		t.Run(name, func(t *testing.T) {
			event := e.Append(nil, blob, r)
			if _, err := conforms(event); err != nil {
				t.Fatal(err)
			}
			row, _, _ := strings.Cut(name, ".")
			if got := e.Explain(blob, r).Row.Name; got != row {
				t.Errorf("row %s, want %s", got, row)
			}
			compare(t, filepath.Join("testdata", "events", name+".json"), event)
		})
	}
}

// compare holds an event against its golden file, in which it stands indented.
func compare(t *testing.T, name string, event []byte) {
	t.Helper()
	var got bytes.Buffer
	if err := json.Indent(&got, event, "", "  "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	if *update {
		if err := os.WriteFile(name, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}
