package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/emulator"
)

func TestStartAndStopSubscription(t *testing.T) {
	r := newRig(t, emulator.Config{Unsubscribed: true})
	path := r.config(r.tenant(), "")

	got := call(t, "start-subscription", "audit.EXCHANGE", "--config", path)
	if got != (outcome{stdout: "Successfully started subscription to content type: audit.EXCHANGE\n"}) {
		t.Errorf("start: %+v", got)
	}
	got = call(t, "--config", path, "!ms-management-activity-start-subscription", "content_type=Audit.Exchange", "output=json", "using=instance_1", "retry-count=2")
	if got.code != exitDone || got.stdout != `{"MicrosoftManagement":{"Subscription":{"ContentType":"Audit.Exchange","Enabled":true}}}`+"\n" ||
		got.stderr != "The subscription to content type Audit.Exchange is already enabled\n" {
		t.Errorf("start again: %+v", got)
	}
	got = call(t, "stop-subscription", "Audit.Exchange", "--config", path)
	if got != (outcome{stdout: "Successfully stopped subscription to content type: Audit.Exchange\nNo blob was available and unread\n"}) {
		t.Errorf("stop: %+v", got)
	}
	got = call(t, "ms-management-activity-stop-subscription", "content_type=audit.exchange", "now=true", "--config", path)
	if got != (outcome{stdout: "The subscription to content type audit.exchange is already stopped\n"}) {
		t.Errorf("stop again: %+v", got)
	}
	if stats := r.api.Stats(); stats.Count("start", "") != 1 || stats.Count("stop", "") != 1 {
		t.Errorf("requests: %+v", stats.Requests)
	}
}

// records reads what list-content prints as json.
func records(t *testing.T, stdout string) map[string]int {
	t.Helper()
	var answer struct {
		MicrosoftManagement struct{ ContentRecord []map[string]any }
	}
	if err := json.Unmarshal([]byte(stdout), &answer); err != nil {
		t.Fatalf("%v: %.300s", err, stdout)
	}
	if answer.MicrosoftManagement.ContentRecord == nil {
		t.Errorf("there is no list: %.300s", stdout)
	}
	ids := map[string]int{}
	for _, record := range answer.MicrosoftManagement.ContentRecord {
		ids[record["ID"].(string)]++
	}
	return ids
}

func TestListContent(t *testing.T) {
	r := newRig(t, emulator.Config{BacklogRecords: 4000, RecordsPerBlob: 10, PageSize: 7, Backlog: 20 * time.Hour})
	path := r.config(r.tenant(), "")
	got := call(t, "list-content", "audit.exchange", "--output", "json", "--config", path)
	if got.code != exitDone || got.stderr != "" {
		t.Fatalf("exit status %d, standard error %s", got.code, got.stderr)
	}
	ids, want := records(t, got.stdout), 0
	for b := range r.api.Truth(emulator.DefaultTenantID, emulator.Exchange) {
		for _, id := range b.Records {
			want++
			if ids[id] == 0 {
				t.Fatalf("record %s is missing", id)
			}
		}
	}
	if want == 0 || len(ids) > want {
		t.Errorf("%d records, want %d", len(ids), want)
	}

	table := call(t, "--config", path, "ms-management-activity-list-content", "content_type=Audit.Exchange")
	lines := strings.Split(strings.TrimSpace(table.stdout), "\n")
	if table.code != exitDone || lines[0] != "### Content for content type Audit.Exchange" ||
		strings.Join(strings.Fields(lines[1]), " ") != "| ID | CreationTime | Workload | Operation |" || len(lines) != want+3 {
		t.Errorf("%d lines, want %d:\n%.500s", len(lines), want+3, table.stdout)
	}
}

func TestListContentOfNothing(t *testing.T) {
	r := newRig(t, emulator.Config{})
	path := r.config(r.tenant(), "")
	args := []string{"list-content", "DLP.All", "--config", path}
	if got := call(t, append(args, "--output=json")...); got != (outcome{stdout: `{"MicrosoftManagement":{"ContentRecord":[]}}` + "\n"}) {
		t.Errorf("json: %+v", got)
	}
	if got := call(t, args...); got != (outcome{stdout: "### Content for content type DLP.All\n**No entries.**\n"}) {
		t.Errorf("table: %+v", got)
	}
}

func TestWrongArgumentsComeBeforeAnyRequest(t *testing.T) {
	r := newRig(t, emulator.Config{})
	one := r.config(r.tenant(), "")
	two := r.config(r.tenant()+r.entry(second, "fabrikam", "wrong"), "")
	day := func(ago int) string { return time.Now().UTC().AddDate(0, 0, -ago).Format("2006-01-02") }
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"no content type":      {[]string{"start-subscription"}, "needs the argument content_type"},
		"unknown content type": {[]string{"start-subscription", "Audit.Teams"}, "use one of Audit.AzureActiveDirectory"},
		"start alone":          {[]string{"list-content", "DLP.All", "--start-time", day(1)}, "both or neither"},
		"end alone":            {[]string{"list-content", "DLP.All", "--end-time", day(1)}, "both or neither"},
		"wrong order":          {[]string{"list-content", "DLP.All", "--start-time", day(1), "--end-time", day(2)}, "must be before"},
		"more than 24 hours":   {[]string{"list-content", "DLP.All", "--start-time", day(3), "--end-time", day(1)}, "at most 24 hours"},
		"more than 7 days":     {[]string{"list-content", "DLP.All", "--start-time", day(9), "--end-time", day(8)}, "more than 7 days ago"},
		"no time":              {[]string{"list-content", "DLP.All", "--start-time", "yesterday", "--end-time", day(1)}, "is no time"},
		"unknown record type":  {[]string{"list-content", "DLP.All", "--record-types-filter", "Nonsense"}, "Nonsense"},
		"negative timeout":     {[]string{"list-content", "DLP.All", "--timeout=-1"}, "timeout"},
		"over Kafka":           {[]string{"status", "--via-kafka", "--config", r.config(r.tenant(), "control: {enabled: false}\n")}, "control.enabled is false"},
		"no tenant":            {[]string{"start-subscription", "DLP.All", "--config", two}, "use one of contoso, fabrikam"},
		"unknown tenant":       {[]string{"pause", "DLP.All", "--tenant", "nobody"}, "use one of contoso"},
		"foreign stream":       {[]string{"pause", "DLP.All", "--config", r.config(r.tenant()+"    content_types: [Audit.General]\n", "")}, "not among the content types"},
		"original":             {[]string{"!ms-management-activity-list-content", "content_type=DLP.All", "start_time=" + day(1)}, "both or neither"},
	} {
		t.Run(name, func(t *testing.T) {
			args := tc.args
			if !strings.Contains(strings.Join(args, " "), "--config") {
				args = append(args, "--config", one)
			}
			got := call(t, args...)
			if got.code != exitUsage || got.stdout != "" || !strings.Contains(got.stderr, tc.want) {
				t.Errorf("want exit status 2 and %q: %+v", tc.want, got)
			}
		})
	}
	if stats := r.api.Stats(); len(stats.Requests) != 0 {
		t.Errorf("requests: %+v", stats.Requests)
	}
}
