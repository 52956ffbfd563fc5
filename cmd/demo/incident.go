package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// incident is what the demo shows of an event.
type incident struct {
	contentID, recordID   string
	contentType, workload string
	time, operation, user string
}

// record holds the members of an audit record that are shown.
type record struct {
	CreationTime string
	Operation    string
	UserID       string `json:"UserId"`
}

// readIncident reads a message of either format.
func readIncident(m *kgo.Record) incident {
	var i incident
	for _, h := range m.Headers {
		switch h.Key {
		case "content_id":
			i.contentID = string(h.Value)
		case "record_id":
			i.recordID = string(h.Value)
		case "content_type":
			i.contentType = string(h.Value)
		case "workload":
			i.workload = string(h.Value)
		}
	}
	r := readRecord(m.Value)
	i.time, i.operation, i.user = r.CreationTime, strings.TrimSpace(r.Operation), r.UserID
	return i
}

// readRecord finds the record in an event: as it is, or as the text inside an incident. One that is no object shows
// as an empty line.
func readRecord(value []byte) (r record) {
	var wrapped struct {
		RawJSON *string `json:"rawJSON"`
	}
	if bytes.Contains(value, []byte(`"rawJSON"`)) && json.Unmarshal(value, &wrapped) == nil && wrapped.RawJSON != nil {
		value = []byte(*wrapped.RawJSON)
	}
	_ = json.Unmarshal(value, &r) // bad records are part of the show
	return r
}

// columns is the layout of an incident's line.
const columns = "%-19.19s  %-26s %-22.22s %-32.32s %-40.40s %s"

// heading names the columns.
func heading() string {
	return fmt.Sprintf(columns, "time", "content type", "workload", "operation", "user", "id")
}

// String is the incident's line.
func (i incident) String() string {
	return fmt.Sprintf(columns, i.time, i.contentType, i.workload, i.operation, i.user, i.recordID)
}
