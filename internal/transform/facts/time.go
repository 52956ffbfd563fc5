package facts

import "time"

// AppendTime appends a time as RFC 3339 in UTC, with a fraction only if there is one. Nothing is appended for a time
// before the year 1 or after 9999, which an offset may make of a time of those years.
func AppendTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	if t.IsZero() || t.Year() < 1 || t.Year() > 9999 {
		return dst
	}
	return t.AppendFormat(dst, time.RFC3339Nano)
}
