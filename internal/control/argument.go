package control

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/unit"
)

// Mode says what a back-fill publishes.
type Mode string

// The modes.
const (
	ModeMissing   Mode = "missing"   // what the ledger lacks
	ModeRepublish Mode = "republish" // everything
)

// Arguments are the arguments of a command, checked.
type Arguments struct {
	ContentType audit.ContentType // empty: the whole tenant
	Typed       string            // the content type as the sender spelled it

	Start, End  time.Time // both or neither; UTC
	RecordTypes []string  // numbers or names, not looked up yet
	Workloads   []string
	Operations  []string
	Timeout     time.Duration // of each request; 0: the configured one

	Now        bool      // stop without reading first
	DryRun     bool      // only tell
	Mode       Mode      // of a back-fill
	Topic      string    // of a back-fill; empty: the usual one
	BackfillID string    // to cancel
	Watermark  time.Time // to set

	Cause     audit.Cause // of dead letters; empty: any
	Since     time.Time   // of dead letters; zero: any
	ContentID string      // of dead letters; empty: any

	CodeFile string // path of a file with an authorization code, on the machine that does the command
}

// Wire returns the arguments by their names on the wire.
func (a Arguments) Wire() map[string]any {
	out := map[string]any{}
	for name, value := range map[string]string{
		"content_type": a.spelling(), "mode": string(a.Mode), "topic": a.Topic, "backfill_id": a.BackfillID,
		"start_time": wireTime(a.Start), "end_time": wireTime(a.End), "watermark": wireTime(a.Watermark),
		"cause": string(a.Cause), "since": wireTime(a.Since), "content_id": a.ContentID, "code_file": a.CodeFile,
	} {
		if value != "" {
			out[name] = value
		}
	}
	for name, list := range map[string][]string{
		"record_types_filter": a.RecordTypes, "workloads_filter": a.Workloads, "operations_filter": a.Operations,
	} {
		if len(list) > 0 {
			out[name] = list
		}
	}
	for name, set := range map[string]bool{"now": a.Now, "dry_run": a.DryRun} {
		if set {
			out[name] = true
		}
	}
	if a.Timeout > 0 {
		out["timeout"] = a.Timeout.Seconds()
	}
	return out
}

func (a Arguments) spelling() string {
	if a.Typed != "" {
		return a.Typed
	}
	return string(a.ContentType)
}

func wireTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// readers turn one argument each into its typed form.
var readers = map[string]func(*Arguments, any) error{
	"content_type":        (*Arguments).readContentType,
	"start_time":          func(a *Arguments, v any) error { return readTime(&a.Start, v) },
	"end_time":            func(a *Arguments, v any) error { return readTime(&a.End, v) },
	"watermark":           func(a *Arguments, v any) error { return readTime(&a.Watermark, v) },
	"record_types_filter": func(a *Arguments, v any) error { return readList(&a.RecordTypes, v) },
	"workloads_filter":    func(a *Arguments, v any) error { return readList(&a.Workloads, v) },
	"operations_filter":   func(a *Arguments, v any) error { return readList(&a.Operations, v) },
	"timeout":             (*Arguments).readTimeout,
	"now":                 func(a *Arguments, v any) error { return readFlag(&a.Now, v) },
	"dry_run":             func(a *Arguments, v any) error { return readFlag(&a.DryRun, v) },
	"mode":                (*Arguments).readMode,
	"topic":               (*Arguments).readTopic,
	"cause":               (*Arguments).readCause,
	"since":               func(a *Arguments, v any) error { return readTime(&a.Since, v) },
	"content_id":          func(a *Arguments, v any) error { return readString(&a.ContentID, v) },
	"code_file":           (*Arguments).readCodeFile,
	"backfill_id":         func(a *Arguments, v any) error { return readString(&a.BackfillID, v) },
}

// ParseArguments checks the arguments of a command by all rules that need no request: names, forms, times. Values are
// strings, booleans, numbers or lists of strings and numbers; nil and the empty string are as good as none. An error is
// a *Refusal that tells the first problem.
func ParseArguments(name Name, raw map[string]any, now time.Time) (Arguments, error) {
	var a Arguments
	r, ok := ruleOf(name)
	if !ok {
		return a, &Refusal{Outcome: OutcomeUnknown, Code: "unknown_command", Message: "command " + quote(string(name)) + " is unknown"}
	}
	given := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(raw)) {
		if !slices.Contains(r.arguments(), key) {
			return a, unknownArgument(r, key)
		}
		if v := raw[key]; v == nil || v == "" {
			continue
		}
		if err := readers[key](&a, raw[key]); err != nil {
			return a, invalid(key + ": " + err.Error())
		}
		given[key] = true
	}
	for _, key := range r.required {
		if !given[key] {
			return a, invalid(string(name) + " needs the argument " + key)
		}
	}
	if name == Backfill && a.Mode == "" {
		a.Mode = ModeMissing
	}
	return a, checkTimes(name, a, now)
}

func unknownArgument(r rule, key string) error {
	hint := "it takes none"
	if len(r.arguments()) > 0 {
		hint = "it takes " + join(r.arguments())
	}
	return &Refusal{
		Outcome: OutcomeInvalid, Code: "invalid_argument", Hint: hint,
		Message: fmt.Sprintf("%s has no argument %s", r.name, quote(key)),
	}
}

func invalid(message string) error {
	return &Refusal{Outcome: OutcomeInvalid, Code: "invalid_argument", Message: message}
}

func (a *Arguments) readContentType(v any) error {
	if err := readString(&a.Typed, v); err != nil {
		return err
	}
	var err error
	a.ContentType, err = audit.ParseContentType(clip(a.Typed))
	return err
}

func (a *Arguments) readMode(v any) error {
	var s string
	if err := readString(&s, v); err != nil {
		return err
	}
	a.Mode = Mode(strings.ToLower(s))
	if a.Mode != ModeMissing && a.Mode != ModeRepublish {
		return fmt.Errorf("%s is unknown: use %s or %s", quote(s), ModeMissing, ModeRepublish)
	}
	return nil
}

func (a *Arguments) readCause(v any) error {
	var s string
	if err := readString(&s, v); err != nil {
		return err
	}
	a.Cause = audit.Cause(strings.ToLower(s))
	return nil
}

func (a *Arguments) readCodeFile(v any) error {
	if err := readString(&a.CodeFile, v); err != nil {
		return err
	}
	if !filepath.IsAbs(a.CodeFile) {
		return fmt.Errorf("%s is no absolute path: name the file from the root on", quote(a.CodeFile))
	}
	return nil
}

func (a *Arguments) readTopic(v any) error {
	if err := readString(&a.Topic, v); err != nil {
		return err
	}
	return checkTopic(a.Topic)
}

func (a *Arguments) readTimeout(v any) error {
	var s string
	switch v := v.(type) {
	case string:
		s = v
	case json.Number:
		s = v.String()
	case float64:
		s = strconv.FormatFloat(v, 'f', -1, 64)
	case int:
		s = strconv.Itoa(v)
	default:
		return fmt.Errorf("must be a number of seconds or a duration such as 30s")
	}
	span, err := unit.ParseDuration(clip(s))
	if err != nil {
		return err
	}
	if span < 0 || span > maxTimeout || span > 0 && span < time.Millisecond {
		return fmt.Errorf("must lie between 1ms and %s; 0 is the configured one", unit.Duration(maxTimeout))
	}
	a.Timeout = span
	return nil
}

// maxTimeout is more than any request is worth.
const maxTimeout = time.Hour

func readString(dst *string, v any) error {
	s, ok := v.(string)
	if !ok {
		return fmt.Errorf("must be a string")
	}
	*dst = strings.TrimSpace(s)
	if *dst == "" {
		return fmt.Errorf("must not be blank")
	}
	return nil
}

func readFlag(dst *bool, v any) error {
	switch v := v.(type) {
	case bool:
		*dst = v
		return nil
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "true", "yes":
			*dst = true
			return nil
		case "false", "no":
			*dst = false
			return nil
		}
	}
	return fmt.Errorf("must be true or false")
}

func readList(dst *[]string, v any) error {
	var parts []string
	switch v := v.(type) {
	case string:
		parts = strings.Split(v, ",")
	case json.Number:
		parts = []string{v.String()}
	case []string:
		parts = v
	case []any:
		for _, element := range v {
			switch e := element.(type) {
			case string:
				parts = append(parts, e)
			case json.Number:
				parts = append(parts, e.String())
			default:
				return fmt.Errorf("must be a list of strings, or a string with commas")
			}
		}
	default:
		return fmt.Errorf("must be a list of strings, or a string with commas")
	}
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			*dst = append(*dst, p)
		}
	}
	return nil
}
