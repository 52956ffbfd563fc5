package audit

import (
	"strings"
	"testing"
	"time"
)

func TestTimes(t *testing.T) {
	at := func(nanos int) time.Time { return time.Date(2024, 2, 29, 23, 59, 58, nanos, time.UTC) }
	for text, want := range map[string]time.Time{
		"2024-02-29T23:59:58": at(0), "2024-02-29T23:59:58Z": at(0), "2024-02-29T23:59:58.123Z": at(123e6),
		"2024-02-29t23:59:58.1234567": at(123456700), "2024-02-29 23:59:58.1234567899z": at(123456789),
		"2024-03-01T01:29:58+01:30": at(0), "2024-02-29T18:59:58.000-05:00": at(0),
	} {
		if got, ok := ParseTime([]byte(text)); !ok || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%s: %s, %t", text, got, ok)
		}
	}
	for _, text := range []string{
		"", "2024-02-29", "2023-02-29T00:00:00", "2024-13-01T00:00:00", "2024-00-01T00:00:00", "2024-01-01T24:00:00", "2024-01-01T00:60:00",
		"2024-01-01T00:00:60", "2024-01-01T00:00:00.", "2024-01-01T00:00:00x", "2024-01-01T00:00:00+1", "2024-01-01T00:00:00+25:00", "-024-01-01T00:00:00", "0000-01-01T00:00:00",
	} {
		if got, ok := ParseTime([]byte(text)); ok {
			t.Errorf("%q is read as %s", text, got)
		}
	}
}

func FuzzParseTime(f *testing.F) {
	f.Add("2024-02-29T23:59:58.123Z")
	f.Add("2024-02-29T23:59:58+14:00")
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := ParseTime([]byte(text))
		want, err := time.Parse(time.RFC3339Nano, text)
		odd := len(text) < 20 || text[13] != ':' || strings.Contains(text, ",") || strings.Contains(text, "24:") // the standard library takes more than RFC 3339
		if err == nil && want.Year() > 0 && !odd && (!ok || !got.Equal(want)) {
			t.Errorf("%q: %s, %t, want %s", text, got, ok, want)
		}
	})
}
