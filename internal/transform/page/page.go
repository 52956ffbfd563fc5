// Package page keeps the generated parts of docs/formats.md in step with the tables and the golden files. Only tests use
// it.
package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/google/go-cmp/cmp"
)

// Update holds the parts of a page, by their names, against what they should be. With write, it changes the page; else
// the answer is what differs, or nothing.
func Update(name string, parts map[string]string, write bool) (diff string, err error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	changed := string(text)
	for part, content := range parts {
		start, end := "<!-- "+part+", generated -->", "<!-- end of "+part+" -->"
		old := regexp.MustCompile("(?s)" + regexp.QuoteMeta(start) + ".*" + regexp.QuoteMeta(end))
		if !old.MatchString(changed) {
			return "", fmt.Errorf("%s has no part %s", name, part)
		}
		changed = old.ReplaceAllLiteralString(changed, start+"\n\n"+content+"\n"+end)
	}
	if write {
		return "", os.WriteFile(name, []byte(changed), 0o600)
	}
	return cmp.Diff(string(text), changed), nil
}

// JSON writes an object with a member on each line, as a block of code.
func JSON(object []byte) (string, error) {
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return "", err
	}
	var members []string
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return "", err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return "", err
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, value); err != nil {
			return "", err
		}
		members = append(members, fmt.Sprintf("%q: %s", name, compact.String()))
	}
	return "```json\n{" + strings.Join(members, ",\n ") + "}\n```\n", nil
}
