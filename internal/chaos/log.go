package chaos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

// line is a line of a connector's log, as far as it tells who owns what.
type line struct {
	Time        time.Time `json:"time"`
	Level       string    `json:"level"`
	Message     string    `json:"msg"`
	ContentType string    `json:"content_type"`
	Epoch       int64     `json:"epoch"`
	Error       string    `json:"error"`
	Reason      string    `json:"reason"`
}

// ownership are the messages that tell of a change of owner, or of a checkpoint that was lost.
var ownership = map[string]bool{
	"stream taken": true, "stream obeys": true, "stream ended; starting it again": true,
	"another owner took the stream; taking it back": true, "checkpoint was lost": true,
	"checkpoint was lost, and rebuilt from the journal": true, "checkpoint was brought up to date from the journal": true,
	"checkpoint was lost; starting anew": true, "checkpoint was lost; blobs published before may be published again": true,
	"stream ended by itself": true, "stream did not end well": true,
}

// lines reads the lines of a log.
func lines(path string) []line {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var all []line
	for raw := range bytes.Lines(text) {
		var l line
		if json.Unmarshal(raw, &l) == nil {
			all = append(all, l)
		}
	}
	return all
}

// owners tells what the logs of all instances say of a stream's owners.
func owners(all []*connector, contentType string) []Happening {
	var found []Happening
	for _, c := range all {
		for i, path := range c.logs {
			for _, l := range lines(path) {
				if !ownership[l.Message] || l.ContentType != contentType {
					continue
				}
				text := fmt.Sprintf("%s, process %d: %s", c.name, i+1, l.Message)
				if l.Epoch > 0 {
					text += fmt.Sprintf(", epoch %d", l.Epoch)
				}
				if more := strings.TrimSpace(l.Error + " " + l.Reason); more != "" {
					text += ": " + more
				}
				found = append(found, Happening{From: l.Time, To: l.Time, Text: text})
			}
		}
	}
	return found
}

// lastLine is the last line of a file.
func lastLine(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	text = bytes.TrimSpace(text)
	return string(text[bytes.LastIndexByte(text, '\n')+1:])
}
