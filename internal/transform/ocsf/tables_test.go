package ocsf

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"o365-kafka-connector/internal/transform/table"
)

// definition is what a JSON Schema of OCSF says of a value.
type definition struct {
	Ref         string                `json:"$ref"`
	Items       *definition           `json:"items"`
	Properties  map[string]definition `json:"properties"`
	Required    []string              `json:"required"`
	Enum        []any                 `json:"enum"`
	Definitions map[string]definition `json:"$defs"`
}

func schema(t *testing.T, class string) definition {
	t.Helper()
	names, err := filepath.Glob("testdata/schemas/" + class + "_*.schema.json")
	if err != nil || len(names) != 1 {
		t.Fatalf("class %s has the schemas %v: %v", class, names, err)
	}
	text, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	var d definition
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// resolve follows a reference to a definition of the schema.
func (d definition) resolve(root definition) definition {
	if d.Items != nil {
		d = *d.Items
	}
	if d.Ref != "" {
		return root.Definitions[strings.TrimPrefix(d.Ref, "#/$defs/")]
	}
	return d
}

// TestAttributesExist looks each attribute that a row can have up in the schema of its class.
func TestAttributesExist(t *testing.T) {
	for _, r := range read().rows {
		root := schema(t, r.class.uid)
		for _, a := range r.plan.children {
			exists(t, r.Name, a, root, root)
		}
		for _, name := range root.Required {
			given := slices.ContainsFunc(r.plan.children, func(a *attr) bool { return a.path == name })
			if head := []string{"activity_id", "category_uid", "class_uid", "type_uid"}; !given && !slices.Contains(head, name) {
				t.Errorf("row %s has no %s, which its class requires", r.Name, name)
			}
		}
	}
}

func exists(t *testing.T, row string, a *attr, within, root definition) {
	t.Helper()
	name := a.path[strings.LastIndexByte(a.path, '.')+1:]
	d, ok := within.Properties[name]
	if !ok {
		t.Errorf("row %s: class has no %s", row, a.path)
		return
	}
	if array := d.Items != nil; array != a.array && len(a.children) > 0 {
		t.Errorf("row %s: %s: array is %v", row, a.path, a.array)
	}
	d = d.resolve(root)
	for _, v := range a.values {
		if v.enum == nil || v.kind.caption {
			continue
		}
		for value, is := range v.enum.of {
			if !slices.Contains(d.Enum, any(number(is.id))) {
				t.Errorf("row %s: %s: %s becomes %s, which the schema does not have", row, a.path, value, is.id)
			}
		}
	}
	for _, c := range a.children {
		exists(t, row, c, d, root)
	}
}

func number(s string) float64 {
	var n float64
	if _, err := fmt.Sscan(s, &n); err != nil {
		panic(err)
	}
	return n
}

// TestEveryRowHasAGoldenFile also asks for one for each activity of each class, and for each pattern that stands alone
// for an activity.
func TestEveryRowHasAGoldenFile(t *testing.T) {
	rows, activities := map[string]bool{}, map[string]bool{}
	names, err := filepath.Glob("testdata/events/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		row, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(name), ".json"), ".")
		rows[row] = true
		var event struct {
			Class    int    `json:"class_uid"`
			Activity int    `json:"activity_id"`
			Caption  string `json:"activity_name"`
			Type     string `json:"type_name"`
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &event); err != nil {
			t.Fatal(err)
		}
		activities[fmt.Sprintf("%d %d %s", event.Class, event.Activity, event.Caption)] = true
	}
	for _, r := range read().rows {
		if !rows[r.Name] {
			t.Errorf("row %s has no golden file", r.Name)
		}
	}
	for _, line := range table.Rows(captionsTSV) {
		if !activities[strings.Join(line, " ")] {
			t.Errorf("no golden file is of class %s, activity %s %s", line[0], line[1], line[2])
		}
	}
}

// TestTablesAreUsed finds what nothing refers to, and activities that OCSF does not have.
func TestTablesAreUsed(t *testing.T) {
	m := read()
	used := map[string]bool{}
	for _, r := range m.rows {
		used[r.Activities], used[r.class.uid] = true, true
		ids := map[string]bool{r.Activities: true}
		for _, a := range m.activities[r.Activities] {
			ids[a.id] = true
		}
		types := schema(t, r.class.uid).Properties["activity_id"].Enum
		for id := range ids {
			if id == "-" || m.activities[id] != nil {
				continue
			}
			if m.caption(r.class, id, []byte("x")); !slices.Contains(types, any(number(id))) {
				t.Errorf("row %s: class %s has no activity %s", r.Name, r.class.uid, id)
			}
		}
	}
	lists := []byte(classesTSV + mappingTSV)
	for name := range m.attributes {
		if !bytes.Contains(lists, []byte(name)) {
			t.Errorf("the list %s is used nowhere", name)
		}
	}
	for name := range m.activities {
		if !used[name] {
			t.Errorf("the table of activities %s is used nowhere", name)
		}
	}
	for uid := range m.classes {
		if !used[uid] {
			t.Errorf("class %s is used nowhere", uid)
		}
	}
	for name := range m.enums {
		if !strings.Contains(attributesTSV, "enum "+name+"\t") {
			t.Errorf("the table %s of enums.tsv is used nowhere", name)
		}
	}
}
