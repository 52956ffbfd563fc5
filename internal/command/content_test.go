package command_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/control"
	"o365-kafka-connector/internal/emulator"
)

// ids counts the records of an answer.
func (a answer) ids(t *testing.T) map[string]int {
	t.Helper()
	out := map[string]int{}
	for _, part := range a.parts {
		var answer struct {
			MicrosoftManagement struct{ ContentRecord []map[string]any }
		}
		if err := json.Unmarshal(part.Context, &answer); err != nil {
			t.Fatal(err)
		}
		for _, record := range answer.MicrosoftManagement.ContentRecord {
			id, _ := record["ID"].(string)
			out[id]++
		}
	}
	return out
}

func TestContentComesInPartsThatFitAMessage(t *testing.T) {
	r := newRig(t, emulator.Config{BacklogRecords: 6000, ContentTypes: []string{emulator.Exchange}, PageSize: 9, Backlog: 20 * time.Hour})
	got := r.do("!list-content content_type=audit.exchange")
	if got.err != nil || len(got.parts) < 3 {
		t.Fatalf("%d parts (%v)", len(got.parts), got.err)
	}
	for i, part := range got.parts {
		text, err := json.Marshal(part)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > control.MaxPart {
			t.Errorf("part %d has %d bytes", i, len(text))
		}
		if heads := strings.Count(part.HumanReadable, "###"); heads != map[bool]int{true: 1}[i == 0] {
			t.Errorf("part %d has %d titles", i, heads)
		}
	}
	ids, rows := got.ids(t), 0
	for b := range r.api.Truth(contoso, emulator.Exchange) {
		for _, id := range b.Records {
			rows++
			if ids[id] == 0 {
				t.Fatalf("record %s is missing", id)
			}
		}
	}
	if lines := strings.Count(got.text, "\n"); lines != rows+3 {
		t.Errorf("%d lines, want 3 and %d", lines, rows)
	}
}

func TestContentOfAStretchAndWithFilters(t *testing.T) {
	r := newRig(t, emulator.Config{BacklogRecords: 2000, RecordsPerBlob: 10, ContentTypes: []string{emulator.General}, Backlog: 60 * time.Hour})
	start := time.Now().UTC().Add(-50 * time.Hour).Truncate(time.Second)
	end := start.Add(24 * time.Hour)
	bounds := " start_time=" + start.Format("2006-01-02T15:04:05") + " end_time=" + end.Format(time.RFC3339)
	got := r.do("!list-content content_type=Audit.General" + bounds)
	if got.err != nil {
		t.Fatal(got.err)
	}
	want := map[string]bool{}
	for b := range r.api.Truth(contoso, emulator.General) {
		if (audit.Window{Start: start, End: end}).Contains(b.Created) {
			for _, id := range b.Records {
				want[id] = true
			}
		}
	}
	if ids := got.ids(t); len(ids) != len(want) || len(want) == 0 {
		t.Errorf("%d records, want %d", len(ids), len(want))
	}
	part := r.do("!list-content content_type=Audit.General workloads_filter=' microsoftteams ,x' record_types_filter=25" + bounds)
	if part.err != nil || len(part.parts) == 0 {
		t.Fatal(part.err)
	}
	some := len(part.ids(t))
	if some == 0 || some >= len(want) {
		t.Errorf("%d of %d records pass the filter", some, len(want))
	}
	if other := r.do("!list-content content_type=Audit.General record_types_filter=MicrosoftTeams" + bounds); len(other.ids(t)) != some {
		t.Errorf("%d records by the type's name, %d by its number", len(other.ids(t)), some)
	}
	r.do("!list-content content_type=Audit.General record_types_filter=nonsense").refused(t, control.OutcomeInvalid, "nonsense")
}

func TestContentGoesOnAfterABlobThatCannotBeRead(t *testing.T) {
	r := newRig(t, emulator.Config{
		BacklogRecords: 200, RecordsPerBlob: 10, ContentTypes: []string{emulator.Exchange},
		Faults: []emulator.Fault{{Kind: emulator.LostBlob, After: 3, First: 2}},
	})
	got := r.do("!list-content content_type=Audit.Exchange")
	got.refused(t, control.OutcomeFailed, "2 of ", "could not be read", "no longer kept")
	if n := len(got.ids(t)); n == 0 {
		t.Error("the others are not there")
	}
	for b := range r.api.Truth(contoso, emulator.Exchange) {
		for _, id := range b.Records {
			if b.Unavailable == "" && got.ids(t)[id] == 0 {
				t.Fatalf("record %s is missing", id)
			}
		}
	}
}

func TestContentIsReadOnceThoughAnswersAreCut(t *testing.T) {
	r := newRig(t, emulator.Config{
		BacklogRecords: 100, RecordsPerBlob: 100, ContentTypes: []string{emulator.Exchange},
		Faults: []emulator.Fault{{Kind: emulator.Cut, Operation: "blob", First: 1}, {Kind: emulator.ServerError, Operation: "content", First: 1}},
	})
	got := r.do("!list-content content_type=Audit.Exchange")
	if got.err != nil {
		t.Fatal(got.err)
	}
	for id, n := range got.ids(t) {
		if n > 1 {
			t.Errorf("record %s is there %d times", id, n)
		}
	}
	if cut := r.api.Stats().Count("blob", "200 cut"); cut != 1 {
		t.Errorf("%d answers were cut", cut)
	}
}

func TestContentTimeout(t *testing.T) {
	r := newRig(t, emulator.Config{Faults: []emulator.Fault{{Kind: emulator.Slow, Operation: "content", Delay: 20 * time.Second}}})
	began := time.Now()
	r.do("!list-content content_type=Audit.Exchange timeout=1").refused(t, control.OutcomeFailed, "list content of contoso/Audit.Exchange")
	if took := time.Since(began); took < 900*time.Millisecond || took > 3*time.Second {
		t.Errorf("it took %s, want about a second", took)
	}
}

func TestContentWithoutASubscription(t *testing.T) {
	r := newRig(t, emulator.Config{Unsubscribed: true})
	r.do("!list-content content_type=Audit.Exchange").refused(t, control.OutcomeFailed, "AF20022", "start-subscription")
}

func TestContentOfAllTenants(t *testing.T) {
	r := newRig(t, emulator.Config{BacklogRecords: 300}, "id: "+fabrikam+", name: fabrikam")
	got := r.do("!list-content content_type=DLP.All")
	if got.err != nil || !strings.Contains(got.text, "| Tenant ") || !strings.Contains(got.text, "| fabrikam ") {
		t.Errorf("%v: %.400s", got.err, got.text)
	}
	one := r.do("!list-content content_type=DLP.All tenant=fabrikam")
	if n, all := len(one.ids(t)), len(got.ids(t)); n == 0 || n >= all {
		t.Errorf("%d records of one tenant, %d of both", n, all)
	}
}

// The fields of a context record are those that the original documents.
func TestContextHasTheOriginalsNames(t *testing.T) {
	var vectors struct {
		Map map[string]string `json:"record_field_map"`
	}
	fixture(t, "../transform/testdata/xsoar/vectors.json", &vectors)
	r := newRig(t, emulator.Config{BacklogRecords: 500})
	known := map[string]bool{}
	for _, name := range vectors.Map {
		known[name] = true
	}
	seen := map[string]bool{}
	for _, ct := range audit.ContentTypes() {
		for _, part := range r.do("!list-content content_type=" + string(ct)).parts {
			var answer struct {
				MicrosoftManagement struct{ ContentRecord []map[string]any }
			}
			if err := json.Unmarshal(part.Context, &answer); err != nil {
				t.Fatal(err)
			}
			for _, record := range answer.MicrosoftManagement.ContentRecord {
				for name, value := range record {
					seen[name] = true
					checkType(t, name, value)
				}
			}
		}
	}
	for name := range seen {
		if !known[name] {
			t.Errorf("field %s is not one of the original's", name)
		}
	}
	if len(known) != 13 || len(seen) < 12 {
		t.Errorf("%d fields known, %d seen", len(known), len(seen))
	}
}

func checkType(t *testing.T, name string, value any) {
	t.Helper()
	_, isNumber := value.(float64)
	_, isText := value.(string)
	switch name {
	case "RecordType", "UserType", "Scope":
		if !isNumber {
			t.Errorf("%s is %v, want a number", name, value)
		}
	case "ID", "OrganizationID", "CreationTime", "Workload", "Operation", "UserID":
		if !isText {
			t.Errorf("%s is %v, want a text", name, value)
		}
	}
}

func TestContentIsRedacted(t *testing.T) {
	r := newRig(t, emulator.Config{BacklogRecords: 200, ContentTypes: []string{emulator.Exchange}, Backlog: 20 * time.Hour},
		"id: "+fabrikam+`, name: fabrikam, redact: {fields: [UserId, Workload, "remove:ObjectId"], key: 0123456789abcdef}`)
	got := r.do("!list-content content_type=Audit.Exchange tenant=fabrikam")
	if got.err != nil {
		t.Fatal(got.err)
	}
	var answer struct {
		MicrosoftManagement struct{ ContentRecord []map[string]any }
	}
	if err := json.Unmarshal([]byte(got.context), &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.MicrosoftManagement.ContentRecord) == 0 {
		t.Fatal("there are no records")
	}
	for _, record := range answer.MicrosoftManagement.ContentRecord {
		user, _ := record["UserID"].(string)
		if _, there := record["ObjectID"]; there || user != "" && !strings.HasPrefix(user, "hmac-sha256:") {
			t.Fatalf("%v", record)
		}
	}
	if strings.Contains(got.text, "Exchange |") || !strings.Contains(got.text, "hmac-sha256:") {
		t.Errorf("the table shows workloads:\n%.500s", got.text)
	}
}
