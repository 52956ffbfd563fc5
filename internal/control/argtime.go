package control

import (
	"fmt"
	"strings"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/unit"
)

const (
	keptFor = 7 * 24 * time.Hour // by the API, counted from the moment content became available
	skew    = 5 * time.Minute    // that a sender's clock may be ahead of ours
)

// layouts are the forms of a time, the fraction of a second being optional in those that have seconds.
var layouts = []string{
	"2006-01-02",
	"2006-01-02T15:04", "2006-01-02T15:04Z07:00",
	"2006-01-02T15:04:05", "2006-01-02T15:04:05Z07:00",
}

// ParseTime reads YYYY-MM-DD, YYYY-MM-DDTHH:MM or YYYY-MM-DDTHH:MM:SS, with an optional fraction and an optional Z or
// offset; without one it is UTC. The result is in UTC.
func ParseTime(s string) (time.Time, error) {
	text := strings.ToUpper(strings.TrimSpace(s))
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil && t.Year() >= 1 && t.UTC().Year() <= 9999 {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%s is no time: write YYYY-MM-DD, YYYY-MM-DDTHH:MM or YYYY-MM-DDTHH:MM:SS, with Z or an offset such as +02:00 if it is not UTC", quote(s))
}

func readTime(dst *time.Time, v any) error {
	var s string
	if err := readString(&s, v); err != nil {
		return err
	}
	var err error
	*dst, err = ParseTime(s)
	return err
}

// checkTimes holds the bounds of a command against the rules of the API.
// https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-reference#list-available-content
func checkTimes(name Name, a Arguments, now time.Time) error {
	if a.Watermark.After(now.Add(skew)) {
		return invalid("watermark: lies in the future; it is now " + stamp(now))
	}
	if a.Since.After(now.Add(skew)) {
		return invalid("since: lies in the future; it is now " + stamp(now))
	}
	if a.Start.IsZero() != a.End.IsZero() {
		return invalid("start_time and end_time go together: give both or neither")
	}
	if a.Start.IsZero() {
		return nil
	}
	if !a.Start.Before(a.End) {
		return invalid(fmt.Sprintf("start_time must be before end_time: %s is not before %s", stamp(a.Start), stamp(a.End)))
	}
	if a.Start.After(now.Add(skew)) {
		return invalid("start_time lies in the future: times without an offset are UTC, and it is now " + stamp(now))
	}
	if name != ListContent {
		return nil
	}
	if span := a.End.Sub(a.Start); span > audit.MaxWindow {
		return invalid(fmt.Sprintf("start_time and end_time must lie at most 24 hours apart, not %s", unit.Duration(span)))
	}
	if a.Start.Before(now.Add(-keptFor)) {
		return invalid("start_time is more than 7 days ago: content is kept for 7 days, since " + stamp(now.Add(-keptFor)))
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
