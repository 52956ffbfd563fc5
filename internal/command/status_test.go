package command_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/control"
	"o365-kafka-connector/internal/emulator"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func indented(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Indent(&out, []byte(text), "", "  "); err != nil {
		t.Fatal(err)
	}
	return out.String() + "\n"
}

func TestStatus(t *testing.T) {
	r := newRig(t, emulator.Config{}, "id: "+fabrikam+", name: fabrikam, content_types: [DLP.All]")
	status := audit.StreamStatus{
		State: audit.StateReading, Owner: "one", Since: noon.Add(-time.Hour), Watermark: noon, LagSeconds: 42, HoursToLoss: 167.9,
		BacklogBlobs: 3, PendingBlobs: 1, RecordsTotal: 1000, RecordsPerSecond: 12.5,
		LastError: &audit.LastError{Time: noon, Message: "list-content: AF50000", Hint: "wait | see"},
		Gaps:      []audit.GapStatus{{From: noon.Add(-48 * time.Hour), To: noon.Add(-47 * time.Hour), Cause: audit.CauseStopped}, {From: noon, Cause: audit.CauseStopped, Count: 2}},
	}
	if err := r.store.PutStatus(t.Context(), stream(audit.Exchange), status, time.Minute); err != nil {
		t.Fatal(err)
	}
	r.members = []control.Member{
		{Instance: "one", Host: "node-1", Since: noon.Add(-time.Hour), Streams: []string{contoso + "/Audit.Exchange", "another/DLP.All"}},
		{Instance: "two", Host: "node-2", Since: noon},
	}
	got := r.do("!status")
	if got.err != nil {
		t.Fatal(got.err)
	}
	golden(t, "status.md", got.text)
	golden(t, "status.json", indented(t, got.context))
	r.problems = []string{"members have different settings: filter of one unlike two. Give all instances the same configuration"}
	if got := r.do("!status"); !strings.HasSuffix(got.text, "\n\n"+r.problems[0]) && !strings.HasSuffix(got.text, "\n\n"+r.problems[0]+"\n") ||
		!strings.Contains(got.context, `"problems":["members have different settings: `) {
		t.Errorf("%s %s", got.text, got.context)
	}
	r.problems = nil
	one := r.do("!status tenant=fabrikam")
	if n := strings.Count(one.context, `"state"`); n != 1 {
		t.Errorf("%d streams of fabrikam: %s", n, one.context)
	}
	if n := strings.Count(r.do("!status content_type=dlp.all").context, `"state"`); n != 2 {
		t.Errorf("%d streams of the content type", n)
	}
}

func TestStatusWithoutABroker(t *testing.T) {
	r := newRig(t, emulator.Config{})
	r.away = errors.New("no broker answers")
	got := r.do("!status")
	if got.err != nil || !strings.Contains(got.text, "Who is in the group is not known: no broker answers") || strings.Contains(got.context, "members") {
		t.Errorf("answer %+v", got)
	}
}

func TestStatusOfATenantThatNamesNoStreams(t *testing.T) {
	r := newRig(t, emulator.Config{}, "id: "+fabrikam+", name: fabrikam, content_types: []")
	s := audit.Stream{Tenant: audit.Tenant{ID: fabrikam, Name: "fabrikam"}, ContentType: audit.General}
	r.report(s, audit.StateQuiet)
	got := r.do("!status tenant=fabrikam")
	if n := strings.Count(got.context, `"state"`); n != 1 || !strings.Contains(got.context, `"quiet"`) {
		t.Errorf("want the stream that somebody runs: %s", got.context)
	}
}
