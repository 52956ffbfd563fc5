package ecs_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/transform/facts"
	"o365-kafka-connector/internal/transform/table"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden encodes the records of testdata/records, of every family of record types.
func TestGolden(t *testing.T) {
	e := encoder()
	for name, raw := range records(t, "testdata/records") {
		t.Run(name, func(t *testing.T) {
			event := e.Append([]byte("before"), blob, parse(raw))
			event, ok := bytes.CutPrefix(event, []byte("before"))
			if !ok {
				t.Fatal("what stood in the buffer is gone")
			}
			if err := conforms(event); err != nil {
				t.Fatalf("%v\n%s", err, event)
			}
			compare(t, filepath.Join("testdata", "events", name+".json"), indented(t, event))
		})
	}
}

// TestRecordsOfOtherFormatsConform encodes what the tests of another format are about.
func TestRecordsOfOtherFormatsConform(t *testing.T) {
	e := encoder()
	for name, raw := range records(t, "../ocsf/testdata/records") {
		if event := e.Append(nil, blob, parse(raw)); conforms(event) != nil {
			t.Errorf("%s: %v\n%s", name, conforms(event), event)
		}
	}
}

// TestEachCategoryHasARecord encodes a record for each row of the categories.
func TestEachCategoryHasARecord(t *testing.T) {
	var got bytes.Buffer
	e := encoder()
	for i, row := range table.Rows(tsv(t, "categories.tsv")) {
		name, _, _ := strings.Cut(row[0], ",")
		number, _ := facts.RecordTypeNumber(name) // "*" is 0, which no row names
		operation := strings.ReplaceAll(row[1], "*", "Xyz")
		raw := fmt.Appendf(nil, `{"CreationTime":"2026-11-23T09:12:44","Id":"%d","RecordType":%d,"Operation":%q}`, i, number, operation)
		r := parse(raw)
		event := e.Append(nil, blob, r)
		if err := conforms(event); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
		if steps := e.Explain(blob, r); !strings.Contains(steps[0], "row of record types "+row[0]+", operation "+row[1]) {
			t.Errorf("row %v is never reached: %s", row, steps[0])
		}
		var v struct {
			Event struct {
				Kind, Code, Outcome string
				Category, Type      []string
			}
		}
		if err := json.Unmarshal(event, &v); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&got, "%s\t%s\t%s\t%s\t%s\t%s\n", v.Event.Code, operation, v.Event.Kind, v.Event.Category, v.Event.Type, v.Event.Outcome)
	}
	compare(t, "testdata/categories.golden", got.Bytes())
}

// TestEachFieldIsInAGoldenFile finds each row of the fields in the event of a record whose type the row names.
func TestEachFieldIsInAGoldenFile(t *testing.T) {
	var events []map[string]any
	for name := range records(t, "testdata/records") {
		text, err := os.ReadFile(filepath.Join("testdata", "events", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var v map[string]any
		if err := json.Unmarshal(text, &v); err != nil {
			t.Fatal(err)
		}
		events = append(events, v)
	}
	for _, row := range table.Rows(tsv(t, "fields.tsv")) {
		if !slices.ContainsFunc(events, func(v map[string]any) bool {
			code, _ := at(v, "event.code").(string)
			return at(v, row[0]) != nil && (row[3] == "" || slices.Contains(strings.Split(row[3], ","), code))
		}) {
			t.Errorf("%s from %s is in no golden file", row[0], row[1])
		}
	}
}

// at returns the value of a field of an event; nil if it has none.
func at(v any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

// records reads the records of a folder, by the names of their files.
func records(t testing.TB, folder string) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %d records, %v", folder, len(names), err)
	}
	found := map[string][]byte{}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		found[strings.TrimSuffix(filepath.Base(name), ".json")] = bytes.TrimSpace(raw)
	}
	return found
}

func tsv(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func indented(t testing.TB, event []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, event, "", " "); err != nil {
		t.Fatal(err)
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// compare holds a text against its golden file.
func compare(t testing.TB, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s changed, -want +got:\n%s", name, diff)
	}
}
