package ecs_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/audit"
)

func TestSourceFollowsTheBlob(t *testing.T) {
	e := encoder()
	r := parse([]byte(`{"Id":"1","CreationTime":"2026-11-23T09:12:44"}`))
	source := func(b audit.Blob) map[string]any {
		var v any
		if err := json.Unmarshal(e.Append(nil, b, r), &v); err != nil {
			t.Fatal(err)
		}
		return at(v, "o365.source").(map[string]any)
	}
	if got := source(blob); got["content_id"] != blob.ID || got["content_created"] != "2026-11-23T10:15:00Z" {
		t.Errorf("source %v", got)
	}
	if got := source(audit.Blob{ID: "other\xff"}); got["content_id"] != "other\uFFFD" || got["content_created"] != nil {
		t.Errorf("source of another blob %v", got)
	}
}

// TestTimeOfARecordWithoutOne takes the time at which its blob became available, as ECS says.
func TestTimeOfARecordWithoutOne(t *testing.T) {
	for created, want := range map[time.Time]string{blob.Created: `{"@timestamp":"2026-11-23T10:15:00Z",`, {}: `{"ecs":`} {
		event := encoder().Append(nil, audit.Blob{ID: "x", Created: created}, parse([]byte(`{"Id":"1"}`)))
		if !bytes.HasPrefix(event, []byte(want)) {
			t.Errorf("event %s does not begin with %s", event, want)
		}
	}
}

func TestExplain(t *testing.T) {
	r := parse([]byte(`{"CreationTime":"2026-11-23T09:12:44","RecordType":15,"Operation":"UserLoginFailed","ResultStatus":"Success"}`))
	got := encoder().Explain(blob, r)
	want := []string{
		`record type 15 AzureActiveDirectoryStsLogon, operation "UserLoginFailed": row of record types AzureActiveDirectoryStsLogon,AzureActiveDirectoryAccountLogon, operation *`,
		`event.kind event, event.category ["authentication","web"], event.type ["start","access","info"]`,
		`event.outcome failure: the operation counts before ResultStatus "Success"`,
		"the record is malformed, no Id: it stands in event.original",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
