package audit

import "time"

// ParseTime reads the times of the API and of audit records: RFC 3339 whose zone and fraction may be missing. Without
// a zone it is UTC. False means that it is no such time.
func ParseTime(s []byte) (time.Time, bool) {
	if len(s) < 19 || s[4] != '-' || s[7] != '-' || (s[10] != 'T' && s[10] != 't' && s[10] != ' ') || s[13] != ':' || s[16] != ':' {
		return time.Time{}, false
	}
	year, month, day := digits(s[0:4]), digits(s[5:7]), digits(s[8:10])
	hour, minute, second := digits(s[11:13]), digits(s[14:16]), digits(s[17:19])
	nanos, rest, ok := fraction(s[19:])
	if !ok || year < 1 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) ||
		hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 {
		return time.Time{}, false
	}
	offset, ok := zone(rest)
	if !ok {
		return time.Time{}, false
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC).Add(-offset), true
}

// digits returns -1 for anything but digits.
func digits(s []byte) int {
	n := 0
	for _, c := range s {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}

func daysIn(year, month int) int {
	if month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0) {
		return 29
	}
	return [...]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[month-1]
}

// fraction reads what may follow the seconds; digits beyond nanoseconds are dropped.
func fraction(s []byte) (nanos int, rest []byte, ok bool) {
	if len(s) == 0 || s[0] != '.' {
		return 0, s, true
	}
	s = s[1:]
	n := 0
	for unit := 100_000_000; n < len(s) && s[n] >= '0' && s[n] <= '9'; n++ {
		nanos += unit * int(s[n]-'0')
		unit /= 10
	}
	return nanos, s[n:], n > 0
}

func zone(s []byte) (offset time.Duration, ok bool) {
	switch {
	case len(s) == 0 || (len(s) == 1 && (s[0] == 'Z' || s[0] == 'z')):
		return 0, true
	case len(s) == 6 && s[3] == ':' && (s[0] == '+' || s[0] == '-'):
		hours, minutes := digits(s[1:3]), digits(s[4:6])
		if hours < 0 || hours > 23 || minutes < 0 || minutes > 59 {
			return 0, false
		}
		offset = time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
		if s[0] == '-' {
			offset = -offset
		}
		return offset, true
	}
	return 0, false
}
