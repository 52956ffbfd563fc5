package sink

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"o365-kafka-connector/internal/audit"
)

// appendEvent appends an event as one line of JSON:
//
//	{"topic":"…","key":"…","headers":{…},"value":…}
//
// The value is the event itself if it is JSON, else a string.
func appendEvent(dst []byte, e audit.Event, shared []audit.Header) []byte {
	dst = append(dst, `{"topic":`...)
	dst = appendText(dst, e.Topic)
	if e.Key != nil {
		dst = append(dst, `,"key":`...)
		dst = appendText(dst, e.Key)
	}
	dst = appendHeaders(dst, shared, e.Headers)
	return appendValue(dst, e.Value)
}

// appendDeadLetter appends a dead letter; it differs from an event by its "kind":"dead_letter" instead of a topic.
func appendDeadLetter(dst []byte, d audit.DeadLetter, version string) []byte {
	dst = append(dst, `{"kind":"dead_letter","key":`...)
	dst = appendText(dst, deadLetterKey(d))
	dst = appendHeaders(dst, deadLetterHeaders(d, version), nil)
	return appendValue(dst, deadLetterValue(d))
}

// appendStatus appends a status message; it has a "kind":"status" instead of a topic.
func appendStatus(dst []byte, m audit.StatusMessage, instance string) []byte {
	dst = append(dst, `{"kind":"status","key":`...)
	dst = appendText(dst, statusKey(m))
	return appendValue(dst, statusJSON(m, instance))
}

func appendHeaders(dst []byte, lists ...[]audit.Header) []byte {
	dst = append(dst, `,"headers":{`...)
	comma := false
	for _, list := range lists {
		for _, h := range list {
			if comma {
				dst = append(dst, ',')
			}
			dst = appendText(dst, h.Name)
			dst = append(dst, ':')
			dst = appendText(dst, h.Value)
			comma = true
		}
	}
	return append(dst, '}')
}

func appendValue(dst, value []byte) []byte {
	dst = append(dst, `,"value":`...)
	raw := jsontext.Value(value)
	switch {
	case !raw.IsValid(jsontext.AllowDuplicateNames(true)):
		dst = appendText(dst, value)
	case bytes.ContainsAny(value, "\r\n"): // only between tokens: inside of a string they are escaped
		raw = raw.Clone()
		_ = raw.Compact(jsontext.AllowDuplicateNames(true)) // valid, as we just saw
		dst = append(dst, raw...)
	default:
		dst = append(dst, value...)
	}
	return append(dst, '}', '\n')
}

// appendText appends a JSON string; what is no UTF-8 is replaced.
func appendText[T ~string | ~[]byte](dst []byte, s T) []byte {
	out, _ := jsontext.AppendQuote(dst, s) // it fails for invalid UTF-8 only, and has replaced it then
	return out
}
