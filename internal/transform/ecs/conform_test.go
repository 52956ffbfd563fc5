package ecs_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"o365-kafka-connector/internal/transform/table"
)

// field is what ECS says of a field.
type field struct {
	kind    string
	list    bool
	allowed []string
}

var fields = sync.OnceValue(func() map[string]field {
	text, err := os.ReadFile("testdata/fields-9.4.0.tsv")
	if err != nil {
		panic(err)
	}
	m := map[string]field{}
	for _, row := range table.Rows(string(text)) {
		f := field{kind: row[1], list: row[2] == "yes"}
		if row[3] != "" {
			f.allowed = strings.Split(row[3], ",")
		}
		m[row[0]] = f
	}
	return m
})

// expected are the types that ECS expects of events of a category.
// https://www.elastic.co/docs/reference/ecs/ecs-allowed-values-event-category
var expected = map[string]string{
	"api":            "access admin allowed change creation deletion denied end info start user",
	"authentication": "start end info", "configuration": "access change creation deletion info",
	"database": "access change info error", "email": "info", "file": "access change creation deletion info",
	"iam": "admin change creation deletion group info user", "intrusion_detection": "allowed denied info",
	"malware": "info", "session": "start end info", "web": "access error info",
}

// conforms tells what is wrong with an event.
func conforms(event []byte) error {
	if bytes.ContainsAny(event, "\n\r") {
		return errors.New("more than one line")
	}
	var v map[string]any
	if err := json.Unmarshal(event, &v, json.WithUnmarshalers(json.UnmarshalFromFunc(number))); err != nil {
		return err // also for names that occur twice, and for invalid UTF-8
	}
	if err := object("", v); err != nil {
		return err
	}
	return categories(v)
}

// number keeps numbers as they are.
func number(d *jsontext.Decoder, v *any) error {
	if d.PeekKind() != '0' {
		return errors.ErrUnsupported
	}
	text, err := d.ReadValue()
	*v = numeral(text)
	return err
}

type numeral string

func object(path string, v map[string]any) error {
	if len(v) == 0 {
		return fmt.Errorf("%s is empty", path)
	}
	for name, value := range v {
		full := strings.TrimPrefix(path+"."+name, ".")
		if full == "o365" {
			if err := vendor(full, value); err != nil {
				return err
			}
			continue
		}
		if err := check(full, value); err != nil {
			return err
		}
	}
	return nil
}

// vendor checks what ECS has no fields for: Elasticsearch must take the names.
func vendor(path string, value any) error {
	switch value := value.(type) {
	case map[string]any:
		for name, inner := range value {
			if strings.TrimSpace(name) == "" || strings.Contains(name, ".") {
				return fmt.Errorf("%s has a member %q", path, name)
			}
			if err := vendor(path+"."+name, inner); err != nil {
				return err
			}
		}
	case []any:
		for _, inner := range value {
			if err := vendor(path, inner); err != nil {
				return err
			}
		}
	}
	return nil
}

func check(path string, value any) error {
	f, known := fields()[path]
	switch value := value.(type) {
	case map[string]any:
		if known {
			return fmt.Errorf("%s is an object, not %s", path, f.kind)
		}
		return object(path, value)
	case []any:
		if !f.list || len(value) == 0 {
			return fmt.Errorf("%s is a list of %d", path, len(value))
		}
		for i, one := range value {
			if err := single(path, f, one); err != nil {
				return err
			}
			if text, ok := one.(string); ok && slices.Contains(value[:i], any(text)) {
				return fmt.Errorf("%s has %q twice", path, text)
			}
		}
		return nil
	}
	if !known || f.list {
		return fmt.Errorf("%s is a single value, in ECS: %v, a list: %v", path, known, f.list)
	}
	return single(path, f, value)
}

// single checks a value that is no list.
func single(path string, f field, value any) error {
	text, isText := value.(string)
	ok := false
	switch f.kind {
	case "keyword", "constant_keyword", "wildcard", "match_only_text":
		ok = isText && text != "" && (f.allowed == nil || slices.Contains(f.allowed, text))
	case "date":
		_, err := time.Parse(time.RFC3339Nano, text)
		ok = err == nil && strings.HasSuffix(text, "Z")
	case "ip":
		_, err := netip.ParseAddr(text)
		ok = err == nil
	case "long":
		digits, _ := value.(numeral)
		_, err := strconv.ParseInt(string(digits), 10, 64)
		ok = err == nil
	case "nested":
		inner, isObject := value.(map[string]any)
		if !isObject {
			break
		}
		return object(path, inner)
	}
	if !ok {
		return fmt.Errorf("%s is %v, in ECS %s of %v", path, value, f.kind, f.allowed)
	}
	return nil
}

// categories checks that each type is one that is expected of one of the categories.
func categories(v map[string]any) error {
	event, _ := v["event"].(map[string]any)
	list, _ := event["category"].([]any)
	types, _ := event["type"].([]any)
	if !slices.Contains(list, any("web")) || !slices.Contains(types, any("info")) {
		return fmt.Errorf("categories %v, types %v lack web or info", list, types)
	}
	for _, one := range types {
		if !slices.ContainsFunc(list, func(category any) bool {
			return slices.Contains(strings.Fields(expected[category.(string)]), one.(string))
		}) {
			return fmt.Errorf("no category of %v has the type %v", list, one)
		}
	}
	return nil
}
