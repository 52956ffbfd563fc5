package ocsf

import (
	"fmt"
	"strings"
	"testing"

	"o365-kafka-connector/internal/audit"
)

// TestWhatIsRememberedIsBounded has more operations than there are rows, and long ones.
func TestWhatIsRememberedIsBounded(t *testing.T) {
	e := NewEncoder(Options{})
	for i := range 5 * maxKnown {
		operation := fmt.Sprint("Operation", i)
		if i%2 == 0 {
			operation += strings.Repeat("x", maxKnownName)
		}
		raw := fmt.Appendf(nil, `{"Operation":%q,"RecordType":%d}`, operation, i%50)
		e.Append(nil, audit.Blob{}, &audit.Record{Raw: raw})
		names, length := 0, 0
		for _, of := range e.known.of {
			names += len(of)
			for name := range of {
				length = max(length, len(name))
			}
		}
		if names > maxKnown || length > maxKnownName {
			t.Fatalf("%d operations are remembered, one of them of %d characters", names, length)
		}
	}
}
