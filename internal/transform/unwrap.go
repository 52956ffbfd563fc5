package transform

import (
	"bytes"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// incidentStart begins every event of format incident, and no audit record.
var incidentStart = []byte(`{"name":"Microsoft Management Activity: `)

// Unwrap returns the record of which an event was made: of an incident what it holds as rawJSON, of anything else the
// value itself.
func Unwrap(value []byte) []byte {
	if !bytes.HasPrefix(value, incidentStart) {
		return value
	}
	var incident struct {
		Raw string `json:"rawJSON"`
	}
	if err := json.Unmarshal(value, &incident, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)); err != nil || incident.Raw == "" {
		return value
	}
	return []byte(incident.Raw)
}
