package ocsf

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/transform/facts"
	"o365-kafka-connector/internal/transform/table"
)

var updateDocs = flag.Bool("docs", false, "write the generated parts of docs/formats.md anew")

const formatsPage = "../../../docs/formats.md"

// TestDocsShowTheMapping holds what the documentation shows of the tables against them.
func TestDocsShowTheMapping(t *testing.T) {
	page, err := os.ReadFile(formatsPage)
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for name, part := range map[string]string{
		"mapping": mappingDocs(), "activities": activitiesDocs(), "event": eventDocs(t),
	} {
		part := fmt.Sprintf("<!-- ocsf %s, generated -->\n\n%s\n<!-- end of ocsf %s -->", name, part, name)
		old := regexp.MustCompile(`(?s)<!-- ocsf ` + name + `, generated -->.*<!-- end of ocsf ` + name + ` -->`)
		if !old.MatchString(text) {
			t.Errorf("%s has no part for ocsf %s", formatsPage, name)
		}
		text = old.ReplaceAllLiteralString(text, part)
	}
	if *updateDocs {
		if err := os.WriteFile(formatsPage, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(page), text); diff != "" {
		t.Errorf("%s is not what the tables say; go test ./internal/transform/ocsf -docs writes it (-page +tables):\n%s", formatsPage, diff)
	}
}

// eventDocs is the golden event of a failed sign-in, an attribute on each line.
func eventDocs(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("testdata/events/sign-in.failed-says-success.json")
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	out.WriteString("```json\n{")
	for d.More() {
		name, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			t.Fatal(err)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, value); err != nil {
			t.Fatal(err)
		}
		if out.Len() > len("```json\n{") {
			out.WriteString(",\n ")
		}
		fmt.Fprintf(&out, "%q: %s", name, compact.String())
	}
	out.WriteString("}\n```\n")
	return out.String()
}

func mappingDocs() string {
	var out strings.Builder
	out.WriteString("| row | record types | operations | when | class | activity |\n| --- | --- | --- | --- | --- | --- |\n")
	m := read()
	for _, r := range m.rows {
		activity := r.Activities
		switch caption, ok := m.captions[[2]string{r.class.uid, activity}]; {
		case ok:
			activity += " " + caption
		case activity == "-":
			activity = "0 Unknown"
		case activity == otherActivity:
			activity += " Other"
		default:
			activity = "by table `" + activity + "`"
		}
		operations := code(r.Operations)
		if r.byTable {
			operations = "those of table `" + r.Activities + "`"
		}
		when := ""
		if r.When != "" {
			when = code(r.When)
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s %s | %s |\n", r.Name, typesDocs(r), operations, when, r.class.uid, r.class.caption, activity)
	}
	return out.String()
}

// code writes patterns so that a table of Markdown takes them.
func code(patterns string) string {
	if patterns == "*" {
		return "any"
	}
	return "`" + strings.ReplaceAll(patterns, "|", "` `") + "`"
}

func typesDocs(r *row) string {
	if r.malformed {
		return "of a malformed record"
	}
	if r.types == nil {
		return "any"
	}
	var names []string
	for _, n := range r.types {
		name, ok := facts.RecordTypeName(n)
		if !ok {
			name = "?"
		}
		names = append(names, strconv.Itoa(n)+" "+name)
	}
	return strings.Join(names, ", ")
}

func activitiesDocs() string {
	var out strings.Builder
	out.WriteString("| table | operations | activity |\n| --- | --- | --- |\n")
	for _, line := range table.Rows(activitiesTSV) {
		fmt.Fprintf(&out, "| %s | %s | %s |\n", line[0], code(line[1]), line[2])
	}
	return out.String()
}
