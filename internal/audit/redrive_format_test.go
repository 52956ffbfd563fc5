package audit

import "testing"

func TestLettersThatHoldTheirRecord(t *testing.T) {
	for format, fetched := range map[string]bool{"": false, "raw": false, "incident": false, "ecs/9.4.0": true, "ocsf/1.8.0": true, "ecs": true} {
		l := Letter{DeadLetter: DeadLetter{Record: true, Value: []byte("{}"), Format: format}}
		if l.Fetched() != fetched {
			t.Errorf("format %q: fetched %t, want %t", format, l.Fetched(), fetched)
		}
	}
}
