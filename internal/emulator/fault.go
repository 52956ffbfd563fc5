package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Fault is one switch: what goes wrong, where, and how often. The fields that a kind reads are named at the kind.
type Fault struct {
	Kind        Kind   `json:"kind"`
	Tenant      string `json:"tenant,omitempty"`       // only this tenant
	ContentType string `json:"content_type,omitempty"` // only this content type
	Operation   string `json:"operation,omitempty"`    // only this operation; empty: those the kind is about

	After       int     `json:"after,omitempty"`       // spare the first requests (or blobs)
	First       int     `json:"first,omitempty"`       // only so many requests (or blobs) after those; 0: no end
	Probability float64 `json:"probability,omitempty"` // of a request or a blob to be hit; 0: always
	Burst       int     `json:"burst,omitempty"`       // a request that is hit is followed by so many in all

	Delay        time.Duration `json:"delay,omitempty"`
	MinWindow    time.Duration `json:"min_window,omitempty"`
	RetryAfter   time.Duration `json:"retry_after,omitempty"`
	Status       int           `json:"status,omitempty"`
	Code         string        `json:"code,omitempty"`
	Text         string        `json:"text,omitempty"`
	Count        int           `json:"count,omitempty"`
	Bytes        int64         `json:"bytes,omitempty"`
	SingleQuotes bool          `json:"single_quotes,omitempty"`
}

// plainFault has no methods, so that the JSON package reads and writes its fields.
type plainFault Fault

// faultWire shadows the durations of a fault by texts.
type faultWire struct {
	plainFault
	Delay      string `json:"delay,omitempty"`
	MinWindow  string `json:"min_window,omitempty"`
	RetryAfter string `json:"retry_after,omitempty"`
	Matched    int    `json:"matched,omitempty"` // what happened so far; ignored when read
	Fired      int    `json:"fired,omitempty"`
}

func (f Fault) wire() faultWire {
	w := faultWire{plainFault: plainFault(f)}
	w.Delay, w.MinWindow, w.RetryAfter = durationText(f.Delay), durationText(f.MinWindow), durationText(f.RetryAfter)
	return w
}

// MarshalJSON writes durations as text, such as 40s.
func (f Fault) MarshalJSON() ([]byte, error) { return json.Marshal(f.wire()) }

// UnmarshalJSON reads what MarshalJSON writes and refuses unknown names.
func (f *Fault) UnmarshalJSON(data []byte) error {
	var w faultWire
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&w); err != nil {
		return fmt.Errorf("read fault: %w", err)
	}
	for _, field := range []struct {
		name, text string
		value      *time.Duration
	}{
		{"delay", w.Delay, &w.plainFault.Delay},
		{"min_window", w.MinWindow, &w.plainFault.MinWindow},
		{"retry_after", w.RetryAfter, &w.plainFault.RetryAfter},
	} {
		if field.text == "" {
			continue
		}
		var err error
		if *field.value, err = time.ParseDuration(field.text); err != nil {
			return fmt.Errorf("read fault: %s: %w", field.name, err)
		}
	}
	*f = Fault(w.plainFault)
	return nil
}

func durationText(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

// ParseFault reads a fault as a flag gives it: the kind, then key=value pairs with the names of the JSON form, as in
// "server-error,operation=blob,probability=0.1,status=503".
func ParseFault(text string) (Fault, error) {
	kind, rest, _ := strings.Cut(text, ",")
	fields := map[string]any{"kind": kind}
	for pair := range strings.SplitSeq(rest, ",") {
		if pair == "" {
			continue
		}
		key, value, found := strings.Cut(pair, "=")
		if !found {
			return Fault{}, fmt.Errorf("read fault %q: %q is not key=value", text, pair)
		}
		fields[key] = flagValue(key, value)
	}
	data, err := json.Marshal(fields)
	if err != nil {
		return Fault{}, fmt.Errorf("read fault %q: %w", text, err)
	}
	var f Fault
	if err := json.Unmarshal(data, &f); err != nil {
		return Fault{}, err
	}
	return f, f.validate()
}

func flagValue(key, value string) any {
	switch key {
	case "after", "first", "probability", "burst", "status", "count", "bytes":
		return json.Number(value)
	case "single_quotes":
		on, err := strconv.ParseBool(value)
		return err == nil && on
	}
	return value
}

func (f Fault) validate() error {
	var errs []error
	if _, known := kinds[f.Kind]; !known {
		errs = append(errs, fmt.Errorf("kind %q: must be one of %s", f.Kind, strings.Join(Kinds(), ", ")))
	}
	if f.ContentType != "" && canonicalContentType(f.ContentType) == "" {
		errs = append(errs, fmt.Errorf("content_type %q: must be one of %v", f.ContentType, ContentTypes))
	}
	if f.Operation != "" && !isOperation(f.Operation) {
		errs = append(errs, fmt.Errorf("operation %q: must be one of %s", f.Operation, strings.Join(operations, ", ")))
	}
	if f.Probability < 0 || f.Probability > 1 {
		errs = append(errs, errors.New("probability: must be between 0 and 1"))
	}
	if f.After < 0 || f.First < 0 || f.Burst < 0 || f.Count < 0 || f.Bytes < 0 {
		errs = append(errs, errors.New("after, first, burst, count and bytes must not be negative"))
	}
	return errors.Join(errs...)
}
