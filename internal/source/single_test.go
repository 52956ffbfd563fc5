package source

import (
	"errors"
	"testing"

	"o365-kafka-connector/internal/audit"
)

func TestSingleRecord(t *testing.T) {
	record := `{"Id":"a","CreationTime":"2026-01-02T03:04:05","Workload":"Exchange"}`
	for _, tc := range []struct {
		value string
		want  int
		bad   bool
	}{
		{record, 1, false},
		{" " + record + "\n", 1, false},
		{`"text"`, 1, false},
		{record + "," + record, 1, true},
		{``, 0, false},
		{`{"Id":`, 0, true},
		{record + "]", 1, true},
		{`no`, 0, true},
	} {
		s := NewSingle([]byte(tc.value))
		var failed error
		got := 0
		for r, err := range s.Records() {
			if err != nil {
				failed = err
				break
			}
			if got++; string(r.Text(audit.FieldID)) != "a" && r.Malformed == "" {
				t.Errorf("%q: %+v", tc.value, r)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		f, _ := errors.AsType[*audit.Fault](failed)
		if got != tc.want || (failed != nil) != tc.bad || tc.bad && (f == nil || f.Scope != audit.OfBlob) {
			t.Errorf("%q: %d records, %v", tc.value, got, failed)
		}
	}
}
