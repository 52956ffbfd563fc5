package transform

import (
	"bytes"
	"testing"

	"o365-kafka-connector/internal/audit"
)

func TestUnwrapGivesTheRecordBack(t *testing.T) {
	for _, raw := range []string{
		`{"Id":"a","CreationTime":"2026-01-02T03:04:05","x":"quote \" backslash \\ ü   \u0041"}`,
		`{"name":"Microsoft Management Activity"}`, `17`, `"text"`, `{}`,
	} {
		for _, format := range []string{FormatIncident, FormatRaw} {
			build, err := New(Options{
				Stream: audit.Stream{Tenant: audit.Tenant{ID: "t"}, ContentType: audit.Exchange},
				Output: OutputConfig{Format: format}, Topic: "events", Key: KeyRecordID,
			})
			if err != nil {
				t.Fatal(err)
			}
			e, _, err := build().Event(audit.Blob{ID: "b"}, &audit.Record{Raw: []byte(raw)})
			if err != nil {
				t.Fatal(err)
			}
			if got := string(Unwrap(e.Value)); got != raw {
				t.Errorf("%s: %s became %s", format, raw, got)
			}
		}
	}
	for _, other := range []string{``, `{`, string(incidentStart), string(incidentStart) + `x"}`} {
		if got := string(Unwrap([]byte(other))); got != other {
			t.Errorf("%q became %q", other, got)
		}
	}
}

func FuzzUnwrap(f *testing.F) {
	f.Add([]byte(`{"name":"Microsoft Management Activity: x","rawJSON":"{}"}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		if got := Unwrap(value); !bytes.HasPrefix(value, incidentStart) && !bytes.Equal(got, value) {
			t.Errorf("%q became %q", value, got)
		}
	})
}
