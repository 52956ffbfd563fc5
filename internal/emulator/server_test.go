package emulator_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/emulator"
)

func TestPatientClientGetsTheTruth(t *testing.T) {
	r := newRig(t, emulator.Config{BacklogRecords: 3000, Rate: 50, RecordsPerBlob: 40, PageSize: 7, Backlog: 20 * time.Hour})
	r.pass(time.Minute)
	want := r.truth()
	if diff := cmp.Diff(want, r.everything()); diff != "" {
		t.Error(diff)
	}
	sum := r.TruthSummary()
	if sum.Blobs != len(want) || sum.Records < 5900 || sum.Records > 6200 || sum.Records != sum.UniqueRecords {
		t.Errorf("summary %+v, %d blobs", sum.TruthCounts, len(want))
	}
}

func TestSeedDecidesEverything(t *testing.T) {
	config := emulator.Config{BacklogRecords: 200, RecordsPerBlob: 20}
	body := func(seed uint64) string {
		config.Seed = seed
		r := newRig(t, config)
		var all strings.Builder
		for _, b := range r.list(emulator.Exchange, noon.Add(-24*time.Hour), noon) {
			all.WriteString(r.get(strings.Replace(b.ContentURI, r.url, r.url, 1)).body)
		}
		return all.String()
	}
	one, again, other := body(1), body(1), body(2)
	if one != again {
		t.Error("the same seed gave other records")
	}
	if one == other {
		t.Error("another seed gave the same records")
	}
}

func TestWindowIsHalfOpen(t *testing.T) {
	r := newRig(t, emulator.Config{BacklogRecords: 1000, RecordsPerBlob: 10})
	all := r.list(emulator.Entra, noon.Add(-24*time.Hour), noon)
	if len(all) < 10 {
		t.Fatalf("%d blobs", len(all))
	}
	edge := all[5].ContentCreated
	before := r.list(emulator.Entra, noon.Add(-24*time.Hour), edge)
	after := r.list(emulator.Entra, edge, noon)
	if len(before) != 5 || len(after) != len(all)-5 || after[0].ContentID != all[5].ContentID {
		t.Errorf("%d before, %d after of %d", len(before), len(after), len(all))
	}
}

func TestLiveBlobsAppearInTime(t *testing.T) {
	r := newRig(t, emulator.Config{Rate: 5, ContentTypes: []string{emulator.General}})
	count := func() int { return r.TruthSummary().Records }
	if n := count(); n > 10 {
		t.Errorf("%d records at the start", n)
	}
	r.pass(100 * time.Second)
	if n := count(); n < 480 || n > 520 {
		t.Errorf("%d records after 100 s at 5/s", n)
	}
	r.StopOffering()
	n := count()
	r.pass(time.Hour)
	if count() != n {
		t.Error("records after the offering ended")
	}
	if got := len(r.everything()); got == 0 || got != r.TruthSummary().Blobs {
		t.Errorf("%d blobs after the end", got)
	}
}

func TestErrorsOfListings(t *testing.T) {
	r := newRig(t, emulator.Config{})
	at := func(start, end string) string {
		return r.root() + "/subscriptions/content?contentType=DLP.All&startTime=" + start + "&endTime=" + end
	}
	for name, test := range map[string]struct{ link, want string }{
		"plain":            {at("2026-03-01T10:00:00", "2026-03-01T11:00:00"), "200 "},
		"date only":        {at("2026-02-28", "2026-03-01"), "200 "},
		"minutes":          {at("2026-03-01T10:00", "2026-03-01T11:00"), "200 "},
		"fraction and Z":   {at("2026-03-01T10:00:00.123Z", "2026-03-01T11:00:00.1234567Z"), "200 "},
		"future end":       {at("2026-03-01T12:00:00", "2026-03-02T11:00:00"), "200 "},
		"no times":         {r.root() + "/subscriptions/content?CONTENTTYPE=dlp.all", "200 "},
		"one time":         {at("2026-03-01T10:00:00", ""), "400 AF20055"},
		"backwards":        {at("2026-03-01T11:00:00", "2026-03-01T10:00:00"), "400 AF20055"},
		"too long":         {at("2026-02-27T11:00:00", "2026-03-01T10:00:00"), "400 AF20055"},
		"too old":          {at("2026-02-22T11:59:59", "2026-02-22T13:00:00"), "400 AF20055"},
		"no time":          {at("yesterday", "today"), "400 AF20002"},
		"no content type":  {r.root() + "/subscriptions/content", "400 AF20001"},
		"bad content type": {r.root() + "/subscriptions/content?contentType=Audit.All", "400 AF20020"},
		"bad page":         {at("2026-03-01T10:00:00", "2026-03-01T11:00:00") + "&nextPage=x", "400 AF20031"},
		"no such tenant":   {strings.Replace(r.root(), tenant, "33333333-3333-3333-3333-333333333333", 1) + "/subscriptions/list", "400 AF20011"},
		"no GUID":          {strings.Replace(r.root(), tenant, "contoso.com", 1) + "/subscriptions/list", "400 AF20013"},
		"bad blob":         {r.root() + "/audit/nonsense", "400 AF20052"},
		"no blob":          {r.root() + "/audit/20260301100000000000001$20260301100000000000000$audit_general$Audit_General", "404 AF20050"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := r.get(test.link).code(); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
	if got := r.Stats().Count("content", "400 AF20055"); got != 4 {
		t.Errorf("statistics have %d AF20055", got)
	}
}

func TestSubscriptions(t *testing.T) {
	r := newRig(t, emulator.Config{Unsubscribed: true, BacklogRecords: 100, RecordsPerBlob: 10, Rate: 10, ContentTypes: []string{emulator.Entra}})
	listing := r.content(emulator.Entra, noon.Add(-time.Hour), noon)
	step := func(a reply, want string) {
		t.Helper()
		if a.code() != want {
			t.Errorf("%s %s, want %s", a.code(), a.body, want)
		}
	}
	step(r.get(listing), "400 AF20022")
	step(r.post("stop", emulator.Entra), "400 AF20022")
	if a := r.get(r.root() + "/subscriptions/list"); a.body != "[]" {
		t.Errorf("list: %s", a.body)
	}
	step(r.post("start", emulator.Entra), "200 ")
	step(r.post("start", emulator.Entra), "400 AF20024")
	step(r.get(listing), "200 ")
	want := `[{"contentType":"Audit.AzureActiveDirectory","status":"enabled","webhook":null}]`
	if a := r.get(r.root() + "/subscriptions/list"); a.body != want {
		t.Errorf("list: %s", a.body)
	}
	step(r.post("stop", emulator.Entra), "200 ")
	step(r.get(listing), "400 AF20023")
	r.pass(time.Minute) // 600 records that nobody will ever get
	step(r.post("start", emulator.Entra), "200 ")
	r.pass(time.Minute)
	if n := r.TruthSummary().Records; n < 650 || n > 750 {
		t.Errorf("%d records without those of the gap", n)
	}
	if diff := cmp.Diff(r.truth(), r.everything(emulator.Entra)); diff != "" {
		t.Error(diff)
	}
	if n := r.Stats().Count("start", ""); n != 3 {
		t.Errorf("%d starts", n)
	}
}

func TestStatisticsNoteSlips(t *testing.T) {
	r := newRig(t, emulator.Config{})
	r.do(http.MethodGet, r.root()+"/subscriptions/list", static)
	r.get(r.url + "/other/activity/feed/audit/x")
	r.get(r.url + "/somewhere")
	s := r.Stats()
	if s.MissingPublisher != 1 || s.StrayTokens != 2 {
		t.Errorf("%+v", s)
	}
	var page emulator.Stats
	if err := json.Unmarshal([]byte(r.do(http.MethodGet, r.url+"/stats", "").body), &page); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, page); diff != "" {
		t.Error(diff)
	}
}

func TestTruthPages(t *testing.T) {
	r := newRig(t, emulator.Config{BacklogRecords: 500, RecordsPerBlob: 30})
	got := map[string][]string{}
	lines := strings.Split(strings.TrimSpace(r.do(http.MethodGet, r.url+"/truth?tenant="+tenant, "").body), "\n")
	for _, line := range lines {
		var b struct {
			ContentID string `json:"content_id"`
			Records   []string
		}
		if err := json.Unmarshal([]byte(line), &b); err != nil {
			t.Fatal(err)
		}
		got[b.ContentID] = b.Records
	}
	if diff := cmp.Diff(r.truth(), got); diff != "" {
		t.Error(diff)
	}
	var sum emulator.TruthSummary
	if err := json.Unmarshal([]byte(r.do(http.MethodGet, r.url+"/truth/summary", "").body), &sum); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r.TruthSummary(), sum); diff != "" || sum.Records != 500 {
		t.Error(sum.Records, diff)
	}
}
