package main

import (
	"errors"
	"strings"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/control"
)

// saidError is an error that a person has read already.
type saidError struct{ error }

// Unwrap returns the error itself.
func (e saidError) Unwrap() error { return e.error }

// explain writes an error for people, with what they can do about it; nothing if they have read it already.
func explain(err error) string {
	if _, said := errors.AsType[saidError](err); said {
		return ""
	}
	if several, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // only what errors.Join made is taken apart
		var texts []string
		for _, one := range several.Unwrap() {
			texts = append(texts, explain(one))
		}
		return strings.Join(texts, "\n")
	}
	text, hint := told(err)
	if hint != "" {
		return text + "\n  what to do: " + hint
	}
	return text
}

// told returns what went wrong, and apart from it what to do, which some errors also have at the end of their text.
func told(err error) (text, hint string) {
	hint = hintOf(err)
	return strings.TrimSuffix(err.Error(), ": "+hint), hint
}

func hintOf(err error) string {
	if r, ok := errors.AsType[*control.Refusal](err); ok && r.Hint != "" {
		return r.Hint
	}
	if f, ok := errors.AsType[*audit.Fault](err); ok {
		return f.Hint
	}
	if p, ok := errors.AsType[*broker.Problem](err); ok {
		return p.Hint
	}
	return ""
}
