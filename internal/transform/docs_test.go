package transform

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/transform/page"
	"o365-kafka-connector/internal/transform/table"
)

var updateDocs = flag.Bool("docs", false, "write the generated parts of docs/formats.md anew")

// TestDocsShowTheFormats holds what the documentation shows of raw, incident and ecs against code and tables.
func TestDocsShowTheFormats(t *testing.T) {
	raw, err := os.ReadFile("ocsf/testdata/records/sign-in.failed-says-success.json")
	if err != nil {
		t.Fatal(err)
	}
	raw = bytes.TrimSpace(raw)
	parts := map[string]string{
		"record":         shown(t, raw),
		"incident event": shown(t, made(t, FormatIncident, raw)),
		"ecs event":      shown(t, made(t, FormatECS, raw)),
		"ecs categories": rendered(t, "categories.tsv"),
		"ecs fields":     rendered(t, "fields.tsv"),
		"ecs record":     rendered(t, "record.tsv"),
	}
	diff, err := page.Update("../../docs/formats.md", parts, *updateDocs)
	if err != nil {
		t.Fatal(err)
	}
	if diff != "" {
		t.Errorf("docs/formats.md is not what the tables say; go test ./internal/transform -docs writes it (-page +tables):\n%s", diff)
	}
}

func shown(t *testing.T, object []byte) string {
	t.Helper()
	text, err := page.JSON(object)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// made is the event of a record in a format.
func made(t *testing.T, format string, raw []byte) []byte {
	t.Helper()
	o := options()
	o.Output.Format = format
	o.Now = func() time.Time { return time.Date(2026, 11, 23, 10, 16, 0, 0, time.UTC) }
	e, ok, err := transformer(t, o).Event(audit.Blob{
		ID: "20261123091500000000001$audit_general$1234", Created: time.Date(2026, 11, 23, 10, 15, 0, 0, time.UTC),
		Listed: "2026-11-23T10:15:00.000Z",
	}, parse(raw))
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	return e.Value
}

// rendered is a table of package ecs in Markdown.
func rendered(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("ecs", name))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		if line[0] == '#' {
			continue
		}
		heading := strings.Split(strings.TrimSpace(line), "\t")
		fmt.Fprintf(&out, "| %s |\n|%s\n", strings.Join(heading, " | "), strings.Repeat(" --- |", len(heading)))
		break
	}
	for _, row := range table.Rows(string(text)) {
		for i, cell := range row {
			row[i] = strings.NewReplacer("|", "or", "*", `\*`, ",", ", ").Replace(cell)
		}
		fmt.Fprintf(&out, "| %s |\n", strings.Join(row, " | "))
	}
	return out.String()
}
