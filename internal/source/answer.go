package source

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const (
	// maxRefusal is how much of a refusal is read; the longest known one, a stack trace, has about 2 kB.
	maxRefusal = 64 << 10
	// maxMessage is how much of it is passed on.
	maxMessage = 1 << 10
	// startPause is the time between two starts of a subscription that the service demands.
	startPause = 15 * time.Minute
)

var (
	afCode = regexp.MustCompile(`\bAF\d{3,5}\b`)
	bearer = regexp.MustCompile(`(?i)(bearer\s+|eyJ)[A-Za-z0-9._~+/=-]{8,}`)
	delay  = regexp.MustCompile(`(?i)again (?:after|in) (?:(\d+)\s*h)?\s*(?:(\d+)\s*m)?\s*(?:(\d+)\s*s)?`)
)

// readRefusal reads what it can of an answer that refuses a request. Nothing is demanded of its shape: the documented
// envelope, the Message of a 401, text with single quotes, a stack trace or a proxy's HTML are all seen in the field.
func readRefusal(response *http.Response, b *body) refusal {
	text, _ := io.ReadAll(io.LimitReader(b, maxRefusal)) // a part is better than nothing
	r := b.refusal(text)
	r.operation, r.status, r.header = b.operation, response.StatusCode, response.Header
	r.html = r.html || isHTML(response.Header)
	if r.message == "" {
		r.message = http.StatusText(r.status)
	}
	return r
}

// refusal reads a refusal, without the token: who answers may repeat what it was sent.
func (b *body) refusal(text []byte) refusal {
	if b.token != "" {
		text = bytes.ReplaceAll(text, []byte(b.token), []byte("***"))
	}
	return parseRefusal(text)
}

func parseRefusal(text []byte) refusal {
	var envelope struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
		Message string `json:"Message"`
	}
	var r refusal
	if json.Unmarshal(text, &envelope) == nil {
		r.code, r.message = envelope.Error.Code, envelope.Error.Message
		if r.code == "" && r.message == "" {
			r.message = envelope.Message
		}
	}
	if !strings.HasPrefix(r.code, "AF") || afCode.FindString(r.code) != r.code {
		// The audit-off error spreads one sentence over code and message.
		r.code, r.message = afCode.FindString(string(text)), r.code+r.message
	}
	if r.message == "" {
		r.message = string(text)
	}
	r.html = strings.HasPrefix(strings.TrimSpace(string(text[:min(len(text), 64)])), "<")
	r.message = clean(r.message)
	return r
}

// clean makes a text from outside fit for a log: one line, not too long, printable, and without tokens.
func clean(text string) string {
	text = strings.ToValidUTF8(text[:min(len(text), 4*maxMessage)], "?")
	text = bearer.ReplaceAllString(text, "***")
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "") + "..."
	}
	return text
}

func isHTML(header http.Header) bool {
	return strings.HasPrefix(strings.ToLower(header.Get("Content-Type")), "text/html")
}

// retryAfter reads the Retry-After header, in seconds or as a date by the service's clock; 0 if there is none.
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// startDelay reads the delay from "Please retry again after 14m 56s".
func startDelay(message string) time.Duration {
	var wait time.Duration
	if parts := delay.FindStringSubmatch(message); parts != nil {
		for i, unit := range []time.Duration{time.Hour, time.Minute, time.Second} {
			n, err := strconv.ParseInt(parts[i+1], 10, 32)
			if err == nil {
				wait += time.Duration(n) * unit
			}
		}
	}
	if wait <= 0 {
		return startPause
	}
	return wait
}
