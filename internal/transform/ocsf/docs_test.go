package ocsf

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"o365-kafka-connector/internal/transform/facts"
	"o365-kafka-connector/internal/transform/page"
	"o365-kafka-connector/internal/transform/table"
)

var updateDocs = flag.Bool("docs", false, "write the generated parts of docs/formats.md anew")

const formatsPage = "../../../docs/formats.md"

// TestDocsShowTheMapping holds what the documentation shows of the tables against them.
func TestDocsShowTheMapping(t *testing.T) {
	event, err := os.ReadFile("testdata/events/sign-in.failed-says-success.json")
	if err != nil {
		t.Fatal(err)
	}
	shown, err := page.JSON(event)
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{"ocsf mapping": mappingDocs(), "ocsf activities": activitiesDocs(), "ocsf event": shown}
	diff, err := page.Update(formatsPage, parts, *updateDocs)
	if err != nil {
		t.Fatal(err)
	}
	if diff != "" {
		t.Errorf("%s is not what the tables say; go test ./internal/transform/ocsf -docs writes it (-page +tables):\n%s", formatsPage, diff)
	}
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
