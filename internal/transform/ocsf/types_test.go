package ocsf_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"o365-kafka-connector/internal/transform/ocsf"
)

// otherTypes are what stands in the place of a value, in turn.
var otherTypes = []any{
	nil, true, "", "x", "a@b.example", json.Number("5"), json.Number("1e999"), json.Number("-12345678901234567890"),
	[]any{},
	map[string]any{},
	[]any{map[string]any{"Name": "UserAgent", "Value": []any{1}}},
	map[string]any{"Name": nil},
	"198.51.100.1:5",
	"2026-11-23T09:00:00.5+01:00",
	[]any{"a@b.example", nil, "b"},
	"{\"etype\":\"User\",\"eid\":[1]}", " ", "\x00\ufffd", "Not Available",
}

// TestValuesOfOtherTypes puts something else in the place of each value of the golden records, one after the other.
func TestValuesOfOtherTypes(t *testing.T) {
	e := ocsf.NewEncoder(options)
	turn := 0
	var event []byte
	for name, r := range golden(t) {
		var record any
		d := json.NewDecoder(bytes.NewReader(r.Raw))
		d.UseNumber()
		if err := d.Decode(&record); err != nil {
			t.Fatal(err)
		}
		rounds := 2
		if testing.Short() {
			rounds = 1
		}
		for range rounds {
			replaceEach(record, func() any { turn++; return otherTypes[turn%len(otherTypes)] }, func() {
				text, err := json.Marshal(record)
				if err != nil {
					t.Fatal(err)
				}
				event = e.Append(event[:0], blob, parse(text))
				if _, err := conforms(event); err != nil {
					t.Errorf("%s: %s\n%v", name, text, err)
				}
			})
		}
	}
}

// replaceEach calls then with each value within v replaced, and puts the value back.
func replaceEach(v any, by func() any, then func()) {
	each := func(value any, set func(any)) {
		set(by())
		then()
		set(value)
		replaceEach(value, by, then)
	}
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			each(value, func(to any) { v[name] = to })
		}
	case []any:
		for i, value := range v {
			each(value, func(to any) { v[i] = to })
		}
	}
}
