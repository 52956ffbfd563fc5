package transform

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"o365-kafka-connector/internal/audit"
)

// outputList reads a list of outputs as the configuration does.
func outputList(t testing.TB, text string) []Output {
	t.Helper()
	var nodes []yaml.Node
	if err := yaml.Unmarshal([]byte(text), &nodes); err != nil {
		t.Fatal(err)
	}
	list := make([]Output, len(nodes))
	for i := range nodes {
		list[i].SetDefaults()
		if err := nodes[i].Decode(&list[i]); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

func outputs(t testing.TB, o OutputsOptions) *Outputs {
	t.Helper()
	o.Stream, o.Now = stream, now
	build, err := NewOutputs(o)
	if err != nil {
		t.Fatal(err)
	}
	return build()
}

// told writes events as topic, format and key, and what dropped the others.
func told(t *testing.T, x *Outputs, text string) string {
	t.Helper()
	events, dropped, err := x.Events(blob, record(text))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range events {
		format := ""
		for _, h := range append(x.Headers(blob), e.Headers...) {
			if h.Name == "format" {
				format += string(h.Value)
			}
		}
		out = append(out, fmt.Sprintf("%s %s %s", e.Topic, format, e.Key))
	}
	return strings.Join(append(out, dropped...), ", ")
}

func TestEachOutputHasItsEvent(t *testing.T) {
	x := outputs(t, OutputsOptions{
		Filter: FilterConfig{Not: Match{Operations: List{"Create"}}},
		Outputs: outputList(t, `
- {format: raw, topic: raw}
- {format: incident, topic: "incidents.{workload}", key: tenant, filter: {workloads: [Exchange]}}
- {format: raw, topic: "mail.{workload}", key: none, filter: {not: {workloads: [MicrosoftTeams]}}}
`),
	})
	for text, want := range map[string]string{
		mail:  "raw raw m, incidents.Exchange incident " + stream.Tenant.ID + ", mail.Exchange raw ",
		teams: "raw raw t, outputs[1].filter.workloads, outputs[2].filter.not.workloads",
		named: "filter.not.operations",
		bare:  "raw raw b, mail.unknown raw , outputs[1].filter.workloads",
	} {
		if diff := cmp.Diff(want, told(t, x, text)); diff != "" {
			t.Errorf("events of %s, -want +got:\n%s", text, diff)
		}
	}
}

// TestEventsOfARecordAreWhole sees that no output writes into what another one has returned.
func TestEventsOfARecordAreWhole(t *testing.T) {
	list := outputList(t, `[{format: raw, topic: raw}, {format: incident, topic: incidents}, {format: incident, incident_type: x, topic: typed}]`)
	x := outputs(t, OutputsOptions{Outputs: list})
	events, _, err := x.Events(blob, record(signIn))
	if err != nil || len(events) != len(list) {
		t.Fatalf("%d events, %v", len(events), err)
	}
	for i, e := range events {
		alone := event(t, transformer(t, Options{Stream: stream, Output: list[i].OutputConfig, Topic: list[i].Topic, Key: list[i].Key, Now: now}), record(signIn))
		if string(e.Value) != string(alone.Value) || string(e.Key) != string(alone.Key) || e.Topic != alone.Topic {
			t.Errorf("event of output %d differs from that of the output alone", i)
		}
	}
}

func TestTheSameEventIsThereOnce(t *testing.T) {
	x := outputs(t, OutputsOptions{Outputs: outputList(t, `
- {format: raw, topic: o365.Exchange, filter: {operations: [Send]}}
- {format: raw, topic: "o365.{workload}", filter: {workloads: [Exchange]}}
- {format: incident, topic: "o365.{workload}"}
`)})
	for text, want := range map[string]string{
		mail:  "o365.Exchange raw m, o365.Exchange incident m",
		named: "o365.Exchange raw n, o365.Exchange incident n, outputs[0].filter.operations",
		teams: "o365.MicrosoftTeams incident t, outputs[0].filter.operations, outputs[1].filter.workloads",
	} {
		if diff := cmp.Diff(want, told(t, x, text)); diff != "" {
			t.Errorf("events of %s, -want +got:\n%s", text, diff)
		}
	}
}

// TestOutputsThatMeetInATopic has templates that lead several outputs to one topic: what differs goes out, whatever the
// order, and what is the same is there once.
func TestOutputsThatMeetInATopic(t *testing.T) {
	const user = `{"Id":"m","CreationTime":"2026-01-05T08:00:00","Workload":"Exchange","UserId":"a"}`
	const nobody = `{"Id":"m","CreationTime":"2026-01-05T08:00:00","Workload":"Exchange"}`
	for name, test := range map[string]struct{ first, second, record, want string }{
		"one redacts":       {`format: raw`, `format: raw, redact: {fields: ["remove:UserId"]}`, user, "m=" + user + " m=" + nobody},
		"the first redacts": {`format: raw, redact: {fields: ["remove:UserId"]}`, `format: raw`, user, "m=" + nobody + " m=" + user},
		"nothing to redact": {`format: raw, redact: {fields: ["remove:UserId"]}`, `format: raw`, nobody, "m=" + nobody},
		"both redact it":    {`format: raw, redact: {fields: ["remove:UserId"]}`, `format: raw, redact: {fields: ["remove:**.UserId"]}`, user, "m=" + nobody},
		"other keys":        {`format: raw`, `format: raw, key: user`, user, "m=" + user + " a=" + user},
		"keys alike":        {`format: raw`, `format: raw, key: user`, nobody, "m=" + nobody},
		"no key":            {`format: raw, key: none`, `format: raw`, nobody, "=" + nobody + " m=" + nobody},
		"other headers":     {`format: raw`, `format: raw, cloudevents: true`, nobody, "m=" + nobody + " m=" + nobody},
	} {
		t.Run(name, func(t *testing.T) {
			x := outputs(t, OutputsOptions{Outputs: outputList(t, `
- {topic: "o365.{workload}", `+test.first+`}
- {topic: o365.Exchange, `+test.second+`}`)})
			events, dropped, err := x.Events(blob, record(test.record))
			var got []string
			for _, e := range events {
				got = append(got, string(e.Key)+"="+string(e.Value))
			}
			if diff := cmp.Diff(test.want, strings.Join(got, " ")); diff != "" || len(dropped) > 0 || err != nil {
				t.Errorf("events, -want +got:\n%s%v %v", diff, dropped, err)
			}
		})
	}
}

func TestTheOnlyOutputIsTheShortForm(t *testing.T) {
	o := options()
	o.Filter = FilterConfig{Match: Match{Workloads: List{"Exchange"}}}
	short := transformer(t, o)
	x := outputs(t, OutputsOptions{Filter: o.Filter, Outputs: []Output{{OutputConfig: o.Output, Topic: o.Topic, Key: o.Key}}})
	if diff := cmp.Diff(flat(short.Headers(blob)), flat(x.Headers(blob))); diff != "" {
		t.Errorf("headers of a blob, -short +list:\n%s", diff)
	}
	events, _, err := x.Events(blob, record(mail))
	if err != nil || len(events) != 1 {
		t.Fatal(events, err)
	}
	if diff := cmp.Diff(event(t, short, record(mail)), events[0]); diff != "" {
		t.Errorf("event, -short +list:\n%s", diff)
	}
	if diff := cmp.Diff("filter.workloads", told(t, x, teams)); diff != "" {
		t.Error(diff)
	}
}

func TestOutputsNameEveryProblem(t *testing.T) {
	list := outputList(t, `
- {format: xml, topic: "{x}", key: id, filter: {record_types: [Exchang]}}
- {topic: a}
- {format: raw, topic: a}
- {topic: a, filter: {workloads: [x]}}
- {topic: ""}
`)
	err := ValidateOutputs(list)
	if err == nil {
		t.Fatal("wrong outputs are taken")
	}
	for _, want := range []string{
		`outputs[0].format: "xml" is unknown`,
		`outputs[0].topic: topic "{x}" has an unknown placeholder`,
		`outputs[0].key: key "id" is unknown`,
		`outputs[0].filter.record_types[0]: record type "Exchang" is unknown`,
		`outputs[2].topic: outputs[1] has the same`,
		`outputs[4].topic: topic is empty`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != 6 {
		t.Errorf("%d problems, want 6:\n%v", n, err)
	}
	if _, err := NewOutputs(OutputsOptions{Stream: stream}); err == nil {
		t.Error("no outputs at all are taken")
	}
}

func TestOutputsAllocateNothing(t *testing.T) {
	x := outputs(t, OutputsOptions{
		Filter:  FilterConfig{Match: Match{Operations: List{"user*"}}},
		Outputs: outputList(t, `[{format: raw, topic: "raw.{workload}"}, {format: incident, topic: i}, {topic: j, filter: {operations: [x]}}]`),
		Topics:  NewTopicBound(10, nil, nil),
	})
	r := record(signIn)
	if n := testing.AllocsPerRun(100, func() { _, _, _ = x.Events(blob, r) }); n != 0 {
		t.Errorf("%v allocations for a record, want none", n)
	}
}

func TestGrowthOfOutputsIsRight(t *testing.T) {
	x := outputs(t, OutputsOptions{Outputs: outputList(t, `[{format: raw, topic: raw}, {format: incident, topic: i}]`)})
	r := record(signIn)
	events, _, err := x.Events(blob, r)
	if err != nil {
		t.Fatal(err)
	}
	b := audit.NewBatch(stream, blob, 1<<20, nil)
	for _, e := range events {
		if err := b.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	got := float64(b.Size()) / float64(len(r.Raw))
	if want := x.Growth(); got > want*1.1 || got < want*0.9 {
		t.Errorf("%d bytes became %d, factor %.2f; Growth() tells %.2f", len(r.Raw), b.Size(), got, want)
	}
	if err := b.Release(); err != nil {
		t.Fatal(err)
	}
}

func topicOf(t *testing.T, x *Outputs, workload string) string {
	t.Helper()
	events, _, err := x.Events(blob, record(`{"Id":"1","Workload":"`+workload+`"}`))
	if err != nil || len(events) != 1 {
		t.Fatal(events, err)
	}
	return events[0].Topic
}

func TestTopicsAreBounded(t *testing.T) {
	var full []string
	bound := NewTopicBound(3, []string{"o365.control"}, func(other string) { full = append(full, other) })
	o := OutputsOptions{Outputs: outputList(t, `[{topic: "o365.{workload}"}]`), Topics: bound}
	x, y := outputs(t, o), outputs(t, o) // two goroutines of one stream
	for _, step := range []struct {
		by             *Outputs
		workload, want string
	}{
		{x, "control", "o365.other"},
		{x, "a", "o365.a"},
		{y, "b", "o365.b"},
		{x, "c", "o365.c"},
		{y, "d", "o365.other"},
		{y, "a", "o365.a"},
		{x, "e", "o365.other"},
		{x, "d", "o365.other"},
		{x, "other", "o365.other"},
		{y, "c", "o365.c"},
	} {
		if got := topicOf(t, step.by, step.workload); got != step.want {
			t.Errorf("topic of %s = %s, want %s", step.workload, got, step.want)
		}
	}
	if diff := cmp.Diff([]string{"o365.other"}, full); diff != "" {
		t.Errorf("told, -want +got:\n%s", diff)
	}
	o.Outputs[0].Topic = "more.{workload}"
	if got := topicOf(t, outputs(t, o), "d"); got != "more.d" {
		t.Errorf("another template is bounded, too: %s", got)
	}
}

func TestReservedTopicsAreRefused(t *testing.T) {
	bound := NewTopicBound(3, []string{"o365.journal", "o365.other"}, nil)
	for _, topic := range []string{"o365.journal", "o365.{workload}"} {
		_, err := NewOutputs(OutputsOptions{Stream: stream, Outputs: []Output{{OutputConfig: options().Output, Topic: topic, Key: KeyNone}}, Topics: bound})
		if err == nil || !strings.Contains(err.Error(), "serves something else") {
			t.Errorf("%s: %v", topic, err)
		}
	}
}

func TestBoundIsSharedByGoroutines(t *testing.T) {
	bound := NewTopicBound(10, nil, nil)
	var all sync.WaitGroup
	topics := make([]map[string]bool, 4)
	for i := range topics {
		x := outputs(t, OutputsOptions{Outputs: outputList(t, `[{topic: "{workload}"}]`), Topics: bound})
		topics[i] = map[string]bool{}
		all.Go(func() {
			for n := range 200 {
				events, _, _ := x.Events(blob, record(fmt.Sprintf(`{"Workload":"%d"}`, n*(i+1)%97)))
				topics[i][events[0].Topic] = true
			}
		})
	}
	all.Wait()
	sum := map[string]bool{}
	for _, some := range topics {
		for name := range some {
			sum[name] = true
		}
	}
	if len(sum) != 11 || !sum["other"] {
		t.Errorf("%d topics: %v", len(sum), sum)
	}
}
