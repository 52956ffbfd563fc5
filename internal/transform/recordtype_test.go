package transform

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// TestLongRecordTypeTakesNoTime sees that a text of 16 MB in the place of the record type is not compared with names.
func TestLongRecordTypeTakesNoTime(t *testing.T) {
	const enough = 15 * time.Second // with the race detector, beside other tests; comparing takes minutes
	text := strings.Repeat("exchange", 2<<20)
	r := record(`{"CreationTime":"2026-01-05T08:00:00","Id":"1","RecordType":"` + text + `"}`)
	for _, format := range formats {
		t.Run(format, func(t *testing.T) {
			start := time.Now()
			o := options()
			o.Output = OutputConfig{Format: format, CloudEvents: true}
			o.Topic = "o365.{record_type}"
			o.Filter = FilterConfig{Not: Match{RecordTypes: List{"ExchangeItem"}}}
			e := event(t, transformer(t, o), r)
			if took := time.Since(start); took > enough {
				t.Errorf("an event took %s", took)
			}
			if !bytes.Contains(e.Value, []byte(text)) {
				t.Error("the text is lost")
			}
			if headers := flat(e.Headers); strings.Contains(headers, "record_type") {
				t.Errorf("it became a header: %.100s", headers)
			}
		})
	}
}

func TestLongRecordTypeOfAFilter(t *testing.T) {
	long := FilterConfig{Match: Match{RecordTypes: List{strings.Repeat("exchange", 2<<20)}}}
	start := time.Now()
	if err := long.Validate(); err == nil || !strings.Contains(err.Error(), "is unknown") {
		t.Errorf("it is taken: %v", err)
	}
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("the answer took %s", took)
	}
}
