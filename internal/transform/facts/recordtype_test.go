package facts

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func TestRecordTypes(t *testing.T) {
	var original map[string]int
	data, err := os.ReadFile("../testdata/xsoar/record_type_ids.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &original); err != nil {
		t.Fatal(err)
	}
	if len(original) != 43 {
		t.Fatalf("%d record types in the fixture", len(original))
	}
	for name, number := range original {
		if got, ok := RecordTypeNumber(strings.ToUpper(name)); !ok || got != number {
			t.Errorf("RecordTypeNumber(%q) = %d, %v; want %d", strings.ToUpper(name), got, ok, number)
		}
		if number == 44 {
			name = "VivaInsights" // its name today
		}
		if got, ok := RecordTypeName(number); !ok || got != name {
			t.Errorf("RecordTypeName(%d) = %q, %v; want %q", number, got, ok, name)
		}
	}
	table := recordTypes()
	if rows := strings.Count(recordTypeTSV, "\n") - 1; len(table.names) != rows || len(table.numbers) != rows {
		t.Errorf("%d rows give %d numbers and %d names", rows, len(table.names), len(table.numbers))
	}
	for name := range table.numbers {
		if len(name) > MaxRecordType/2 {
			t.Errorf("%s is too long for MaxRecordType", name)
		}
	}
	if _, ok := RecordTypeName(5); ok {
		t.Error("record type 5 has a name")
	}
}
