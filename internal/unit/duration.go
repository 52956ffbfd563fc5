// Package unit reads and writes the durations and sizes of the configuration.
package unit

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// words are the units of "<number> <unit>", without a plural s.
var words = map[string]time.Duration{
	"second": time.Second, "minute": time.Minute, "hour": time.Hour, "day": day, "week": 7 * day,
	"sec": time.Second, "min": time.Minute, "hr": time.Hour,
}

// Duration is a time span written as 15s, as a number of seconds, or as "30 minutes".
type Duration time.Duration

// D returns the span as the standard library's type.
func (d Duration) D() time.Duration { return time.Duration(d) }

// String writes the span as Go does, without zero parts at its end: 1h instead of 1h0m0s.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText writes what UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a span in one of its three forms.
func (d *Duration) UnmarshalText(text []byte) error {
	span, err := ParseDuration(string(text))
	if err != nil {
		return err
	}
	*d = Duration(span)
	return nil
}

// ParseDuration reads 15s, 15 (seconds) or "30 minutes".
func ParseDuration(s string) (time.Duration, error) {
	s = strings.TrimSpace(s)
	if span, err := time.ParseDuration(s); err == nil {
		return span, nil
	}
	number, word, spaced := strings.Cut(s, " ")
	value, err := strconv.ParseFloat(number, 64)
	if err != nil || value != value || value > 1e9 || value < -1e9 {
		return 0, durationError(s)
	}
	if !spaced {
		return time.Duration(value * float64(time.Second)), nil
	}
	one, ok := words[strings.TrimSuffix(strings.ToLower(strings.TrimSpace(word)), "s")]
	if !ok || math.Abs(value)*float64(one) > 1e18 {
		return 0, durationError(s)
	}
	return time.Duration(value * float64(one)), nil
}

func durationError(s string) error {
	return fmt.Errorf("%q is no duration: write 15s, 30m, 1h, a number of seconds, or \"30 minutes\"", s)
}
