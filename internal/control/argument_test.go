package control

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/audit"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestParseTime(t *testing.T) {
	for text, want := range map[string]string{
		"2026-11-23":                          "2026-11-23T00:00:00Z",
		"2026-11-23T10:20":                    "2026-11-23T10:20:00Z",
		"2026-11-23T10:20:30":                 "2026-11-23T10:20:30Z",
		" 2026-11-23t10:20:30z ":              "2026-11-23T10:20:30Z",
		"2026-11-23T10:20Z":                   "2026-11-23T10:20:00Z",
		"2026-11-23T10:20+02:00":              "2026-11-23T08:20:00Z",
		"2026-11-23T10:20:30.5":               "2026-11-23T10:20:30.5Z",
		"2026-11-23T10:20:30.1234567Z":        "2026-11-23T10:20:30.1234567Z",
		"2026-11-23T10:20:30.123456789-01:30": "2026-11-23T11:50:30.123456789Z",
		"2026-11-23 10:20":                    "",
		"2026-11-23Z":                         "",
		"2026-11-31":                          "",
		"2026-11-23T25:00":                    "",
		"2026-11-23T10":                       "",
		"10 minutes":                          "",
		"1795430400":                          "",
		"23.11.2026":                          "",
		"2026-11-23T10:20:30 UTC":             "",
		"":                                    "",
	} {
		got, err := ParseTime(text)
		if (err == nil) != (want != "") || err == nil && got.Format(time.RFC3339Nano) != want {
			t.Errorf("ParseTime(%q) = %v, %v; want %q", text, got, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), "YYYY-MM-DDTHH:MM:SS") {
			t.Errorf("ParseTime(%q): %v does not say what to write", text, err)
		}
	}
}

// args reads arguments as they stand in a message.
func args(t testing.TB, text string) map[string]any {
	t.Helper()
	var out map[string]any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&out); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return out
}

func TestArgumentsThatAreRefused(t *testing.T) {
	for _, tc := range []struct {
		name Name
		text string
		want string
	}{
		{Redrive, `{"content_type":"DLP.All","since":"2026-11-24"}`, "since: lies in the future"},
		{Redrive, `{"content_type":"DLP.All","cause":7}`, "cause: must be a string"},
		{ListContent, `{}`, "list-content needs the argument content_type"},
		{ListContent, `{"content_type":null}`, "list-content needs the argument content_type"},
		{ListContent, `{"content_type":"Audit.Mail"}`, `content_type: content type "Audit.Mail" is unknown: use one of Audit.AzureActiveDirectory, `},
		{ListContent, `{"content_type":7}`, "content_type: must be a string"},
		{ListContent, `{"content_type":" "}`, "content_type: must not be blank"},
		{ListContent, `{"content_type":"DLP.All","contenttype":"x"}`, `list-content has no argument "contenttype": it takes content_type, start_time, end_time, timeout, record_types_filter`},
		{ListContent, `{"content_type":"DLP.All","start_time":"2026-11-23"}`, "start_time and end_time go together: give both or neither"},
		{ListContent, `{"content_type":"DLP.All","end_time":"2026-11-23"}`, "start_time and end_time go together: give both or neither"},
		{ListContent, `{"content_type":"DLP.All","start_time":"2026-11-23T02:00","end_time":"2026-11-23T01:00"}`, "start_time must be before end_time: 2026-11-23T02:00:00Z is not before 2026-11-23T01:00:00Z"},
		{ListContent, `{"content_type":"DLP.All","start_time":"2026-11-23","end_time":"2026-11-23"}`, "start_time must be before end_time"},
		{ListContent, `{"content_type":"DLP.All","start_time":"2026-11-21T00:00","end_time":"2026-11-22T00:00:01"}`, "start_time and end_time must lie at most 24 hours apart, not 24h0m1s"},
		{ListContent, `{"content_type":"DLP.All","start_time":"2026-11-16T11:59:59","end_time":"2026-11-16T12:30"}`, "start_time is more than 7 days ago: content is kept for 7 days, since 2026-11-16T12:00:00Z"},
		{ListContent, `{"content_type":"DLP.All","start_time":"2026-11-24","end_time":"2026-11-25"}`, "start_time lies in the future: times without an offset are UTC, and it is now 2026-11-23T12:00:00Z"},
		{ListContent, `{"content_type":"DLP.All","start_time":"yesterday","end_time":"2026-11-23"}`, `start_time: "yesterday" is no time: write YYYY-MM-DD`},
		{ListContent, `{"content_type":"DLP.All","start_time":5,"end_time":"2026-11-23"}`, "start_time: must be a string"},
		{ListContent, `{"content_type":"DLP.All","timeout":"soon"}`, `timeout: "soon" is no duration`},
		{ListContent, `{"content_type":"DLP.All","timeout":-1}`, "timeout: must lie between 1ms and 1h"},
		{ListContent, `{"content_type":"DLP.All","timeout":1e9}`, "timeout: must lie between 1ms and 1h"},
		{ListContent, `{"content_type":"DLP.All","timeout":true}`, "timeout: must be a number of seconds or a duration"},
		{ListContent, `{"content_type":"DLP.All","workloads_filter":{}}`, "workloads_filter: must be a list of strings"},
		{ListContent, `{"content_type":"DLP.All","workloads_filter":[["a"]]}`, "workloads_filter: must be a list of strings"},
		{StopSubscription, `{"content_type":"DLP.All","now":"maybe"}`, "now: must be true or false"},
		{StopSubscription, `{"content_type":"DLP.All","now":1}`, "now: must be true or false"},
		{ListSubscriptions, `{"content_type":"DLP.All"}`, `list-subscriptions has no argument "content_type": it takes none`},
		{Backfill, `{"content_type":"DLP.All"}`, "backfill needs the argument start_time"},
		{Backfill, `{"content_type":"DLP.All","start_time":"2026-11-01","end_time":"2026-11-02","mode":"all"}`, `mode: "all" is unknown: use missing or republish`},
		{Backfill, `{"content_type":"DLP.All","start_time":"2026-11-01","end_time":"2026-11-02","topic":"a b"}`, `topic: "a b" is no name of a topic`},
		{Cancel, `{}`, "cancel needs the argument backfill_id"},
		{CheckpointSet, `{"content_type":"DLP.All"}`, "checkpoint-set needs the argument watermark"},
		{CheckpointSet, `{"content_type":"DLP.All","watermark":"2026-12-01"}`, "watermark: lies in the future"},
		{"run", `{}`, `command "run" is unknown`},
	} {
		_, err := ParseArguments(tc.name, args(t, tc.text), now)
		if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%s %s: %v\nwant %s", tc.name, tc.text, err, tc.want)
			continue
		}
		r, ok := errors.AsType[*Refusal](err)
		if !ok || r.Outcome != OutcomeInvalid && tc.name != "run" {
			t.Errorf("%s %s: outcome of %#v is not invalid", tc.name, tc.text, err)
		}
	}
}

func TestArgumentsThatAreTaken(t *testing.T) {
	at := func(text string) time.Time {
		out, err := ParseTime(text)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	exchange := Arguments{ContentType: audit.Exchange, Typed: "audit.EXCHANGE"}
	with := func(change func(*Arguments)) Arguments {
		a := exchange
		change(&a)
		return a
	}
	for _, tc := range []struct {
		name Name
		text string
		want Arguments
	}{
		{StartSubscription, `{"content_type":" audit.EXCHANGE "}`, exchange},
		{ListContent, `{"content_type":"audit.EXCHANGE","start_time":"","timeout":0,"operations_filter":""}`, exchange},
		{ListContent, `{"content_type":"audit.EXCHANGE","start_time":"2026-11-16T12:00","end_time":"2026-11-17T12:00Z"}`, with(func(a *Arguments) {
			a.Start, a.End = at("2026-11-16T12:00"), at("2026-11-17T12:00")
		})},
		{ListContent, `{"content_type":"audit.EXCHANGE","timeout":2.5}`, with(func(a *Arguments) { a.Timeout = 2500 * time.Millisecond })},
		{ListContent, `{"content_type":"audit.EXCHANGE","timeout":"30"}`, with(func(a *Arguments) { a.Timeout = 30 * time.Second })},
		{ListContent, `{"content_type":"audit.EXCHANGE","timeout":"1m"}`, with(func(a *Arguments) { a.Timeout = time.Minute })},
		{ListContent, `{"content_type":"audit.EXCHANGE","record_types_filter":"2, ExchangeAdmin,","workloads_filter":["A, B"," C "],"operations_filter":[1,"Set-Mailbox"]}`, with(func(a *Arguments) {
			a.RecordTypes, a.Workloads, a.Operations = []string{"2", "ExchangeAdmin"}, []string{"A, B", "C"}, []string{"1", "Set-Mailbox"}
		})},
		{ListContent, `{"content_type":"audit.EXCHANGE","record_types_filter":15}`, with(func(a *Arguments) { a.RecordTypes = []string{"15"} })},
		{StopSubscription, `{"content_type":"audit.EXCHANGE","now":"Yes"}`, with(func(a *Arguments) { a.Now = true })},
		{StopSubscription, `{"content_type":"audit.EXCHANGE","now":false}`, exchange},
		{Backfill, `{"content_type":"audit.EXCHANGE","start_time":"2026-01-01","end_time":"2026-11-23","mode":"REPUBLISH","topic":"o365.again","dry_run":true}`, with(func(a *Arguments) {
			a.Start, a.End, a.Mode, a.Topic, a.DryRun = at("2026-01-01"), at("2026-11-23"), ModeRepublish, "o365.again", true
		})},
		{Backfill, `{"content_type":"audit.EXCHANGE","start_time":"2026-01-01","end_time":"2026-11-23"}`, with(func(a *Arguments) {
			a.Start, a.End, a.Mode = at("2026-01-01"), at("2026-11-23"), ModeMissing
		})},
		{Cancel, `{"backfill_id":"bf-1"}`, Arguments{BackfillID: "bf-1"}},
		{CheckpointSet, `{"content_type":"audit.EXCHANGE","watermark":"2026-11-20","dry_run":"true"}`, with(func(a *Arguments) {
			a.Watermark, a.DryRun = at("2026-11-20"), true
		})},
		{ShowStatus, `{}`, Arguments{}},
		{AuthReset, `null`, Arguments{}},
	} {
		got, err := ParseArguments(tc.name, args(t, tc.text), now)
		if err != nil {
			t.Errorf("%s %s: %v", tc.name, tc.text, err)
			continue
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s %s, -want +got:\n%s", tc.name, tc.text, diff)
		}
		wire, err := json.Marshal(got.Wire())
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseArguments(tc.name, args(t, string(wire)), now)
		if diff := cmp.Diff(got, again); err != nil || diff != "" {
			t.Errorf("%s %s, sent and read again: %v %s", tc.name, wire, err, diff)
		}
	}
}

func TestParseName(t *testing.T) {
	for text, want := range map[string]Name{
		"start-subscription": StartSubscription, "!ms-management-activity-list-content": ListContent,
		"MS-Management-Activity-Stop-Subscription": StopSubscription, " Status ": ShowStatus, "!status": ShowStatus,
		"checkpoint show": CheckpointShow, "checkpoint-set": CheckpointSet, "run": "", "": "", "!": "",
		"ms-management-activity-": "", "!!status": "",
	} {
		got, err := ParseName(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("ParseName(%q) = %q, %v; want %q", text, got, err, want)
		}
		if err != nil && (!strings.Contains(err.Error(), "start-subscription, stop-subscription") || AsRefusal(err).Outcome != OutcomeUnknown) {
			t.Errorf("ParseName(%q): %v does not list the commands", text, err)
		}
	}
}
