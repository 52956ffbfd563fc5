package commands

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files, by the road JSON on the topic")

// volatile are the fields whose numbers differ from run to run.
var volatile = []string{
	"n", "epoch", "blobs", "records", "requests", "hours", "backlog_blobs", "pending_blobs", "records_total",
	"records_per_second", "lag_seconds", "hours_to_loss",
}

// constant replaces what differs from run to run, and from stream to stream.
var constant = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "TIME"},
	{regexp.MustCompile(`(?i)(audit\.(azureactivedirectory|exchange|sharepoint|general)|dlp\.all)`), "TYPE"},
	{regexp.MustCompile(`e2e-[0-9a-z]{10}|cli-[0-9a-z]{26}|\b[0-9A-Z]{26}\b`), "ID"},
	{regexp.MustCompile(`bf-[0-9a-f]{10}`), "BACKFILL"},
	{regexp.MustCompile(`127\.0\.0\.1(:|%3A)\d+`), "HOST"},
	{regexp.MustCompile(first + "|" + second), "TENANT"},
	{regexp.MustCompile(`contoso|fabrikam`), "NAME"},
	{regexp.MustCompile(`([?&](state|code_challenge))=[^&) ]+`), "$1=RANDOM"},
	{regexp.MustCompile(`\b(quiet|reading|catching-up)\b`), "READS"},
	{regexp.MustCompile(`\n+NAME/TYPE, last error: [^\n]*\n?`), ""},
	{regexp.MustCompile(`\n{2,}`), "\n"},
	{regexp.MustCompile(`(NAME/TYPE, )+NAME/TYPE`), "STREAMS"},
	{regexp.MustCompile(`\b` + regexp.QuoteMeta(hostname()) + `\b`), "HOST"},
	{regexp.MustCompile(`try again in [0-9hms]+`), "try again in SPAN"},
	{regexp.MustCompile(`(?m)^(No blob was|Up to 1 blob was|Up to \d+ blobs were) available and unread(: (it|they) can never be read now)?`), "COUNT available and unread"},
	{regexp.MustCompile(`\b\d+(\.\d+)? (blobs?|requests|hours)`), "NUMBER $2"},
}

func hostname() string {
	name, _ := os.Hostname() // without one, the connector does not start
	return name
}

// normal is the answer as the golden file has it.
func (a answer) normal(t *testing.T) []byte {
	t.Helper()
	var whole any
	raw, err := json.Marshal(a)
	if err == nil {
		err = json.Unmarshal(raw, &whole)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err == nil {
		err = encoder.Encode(steady(whole))
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// steady takes out what differs from run to run.
func steady(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			v[key] = steady(value)
			switch key {
			case "by", "swept": // the command line has no name; the first sweep may still be under way
				delete(v, key)
			case "last_error": // of a broker whose topics are new
				v[key] = nil
			case "owner", "host":
				v[key] = strings.ToUpper(key)
			case "streams": // of a member
				if list, _ := v[key].([]any); len(list) > 0 && fmt.Sprintf("%T", list[0]) == "string" {
					v[key] = "STREAMS"
				}
			}
			if _, number := value.(float64); number && slices.Contains(volatile, key) {
				v[key] = "NUMBER"
			}
		}
	case []any:
		for i := range v {
			v[i] = steady(v[i])
		}
	case string:
		for _, c := range constant {
			v = c.pattern.ReplaceAllString(v, c.with)
		}
		return tables(v)
	}
	return v
}

// tables takes out of tables how wide their columns are, numbers and owners.
func tables(text string) string {
	var out []string
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		row := strings.Split(strings.TrimSuffix(line, "\n"), "|")
		if len(row) < 3 {
			out = append(out, line)
			continue
		}
		for i, cell := range row {
			row[i] = " " + strings.TrimSpace(cell) + " "
			_, noNumber := strconv.ParseFloat(strings.TrimSpace(cell), 64)
			_, noSpan := time.ParseDuration(strings.TrimSpace(cell))
			switch {
			case strings.TrimSpace(cell) == "":
				row[i] = ""
			case strings.Trim(cell, " -") == "":
				row[i] = " --- "
			case noNumber == nil || noSpan == nil:
				row[i] = " NUMBER "
			case row[i] == " a " || row[i] == " b ":
				row[i] = " OWNER "
			}
		}
		out = append(out, strings.Join(row, "|")+"\n")
	}
	return strings.TrimRight(strings.Join(out, ""), "\n")
}

// golden compares an answer with the one that the golden file has for every road.
func golden(t *testing.T, step string, a answer, way string) {
	t.Helper()
	path := filepath.Join("testdata", step+".json")
	if *update && way != "JSON on the topic" {
		return
	}
	if *update {
		if err := os.WriteFile(path, a.normal(t), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want answer
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if a.Outcome == "" { // the command line does not tell these
		want.Outcome = ""
		if want.Error != nil {
			want.Error.Code = ""
		}
	}
	if diff := cmp.Diff(string(want.normal(t)), string(a.normal(t))); diff != "" {
		t.Errorf("%s, -want +got (rewrite with -update):\n%s", path, diff)
	}
}
