package daemon

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/transform"
)

// header is the value of a message's header.
func header(r *kgo.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// TestOutputsFiltersAndTopics has records in two forms: in one of them only some, in topics by their type, of which there
// may be three.
func TestOutputsFiltersAndTopics(t *testing.T) {
	r := newRig(t, emulator.Config{
		ContentTypes: []string{emulator.Exchange, emulator.SharePoint}, RecordsPerBlob: 20, BacklogRecords: 400, Backlog: 30 * time.Minute,
	})
	d := r.daemon(", content_types: [Audit.Exchange, Audit.SharePoint]", `
filter: {not: {operations: ["Mail*"]}, content_types: {Audit.SharePoint: {operations: ["File*"], not: {operations: []}}}}
outputs:
  - {format: raw, topic: all}
  - {format: incident, topic: "types.{record_type}", key: none, filter: {not: {operations: [Send]}}}
`)
	d.config.Kafka.MaxTopics = 1
	d.topics = d.newTopicBound()
	d.tenants[0].topics = d.topics
	end := r.start(d)
	var kept, dropped int64
	r.await(d, func(streams []audit.StreamStatus) bool {
		kept, dropped = records(streams), 0
		for _, s := range streams {
			dropped += s.Filtered["filter.operations"] + s.Filtered["filter.not.operations"]
		}
		return kept+dropped == 400
	})
	counts := map[string]int64{}
	for _, s := range d.Status() {
		for rule, n := range s.Filtered {
			counts[string(s.ContentType)+" "+rule] = n
		}
	}
	sends := int64(0)
	for _, m := range r.consume("all", int(kept)) {
		value := string(m.Value)
		if header(m, "format") != "raw" || strings.Contains(value, `"Operation":"Mail`) || len(m.Key) == 0 {
			t.Errorf("%s", value)
		}
		if strings.Contains(value, `"Operation":"Send"`) {
			sends++
		}
	}
	if counts["Audit.Exchange outputs[1].filter.not.operations"] != sends || sends == 0 || dropped == 0 {
		t.Errorf("%d are sent; %v", sends, counts)
	}
	want := []string{"Audit.Exchange filter.not.operations", "Audit.Exchange outputs[1].filter.not.operations", "Audit.SharePoint filter.operations"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(counts))); diff != "" {
		t.Errorf("rules, -want +got:\n%s", diff)
	}
	if r.log.count("kafka.max_topics") != 1 {
		t.Errorf("log:\n%s", r.log)
	}
	got := int64(0)
	topics := map[string]bool{}
	for _, m := range r.consumeAll(int(kept-sends), "^types\\..*") {
		topics[m.Topic] = true
		if header(m, "format") != "incident" || m.Key != nil {
			t.Errorf("%s", m.Value)
		}
		got++
	}
	if len(topics) != 2 || !topics["types.other"] || got != kept-sends {
		t.Errorf("%d of %d in %v", got, kept-sends, topics)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

// consumeAll returns the first n records of all topics that an expression describes.
func (r *rig) consumeAll(n int, expression string) []*kgo.Record {
	r.t.Helper()
	return r.consumeWith(n, kgo.ConsumeRegex(), kgo.ConsumeTopics(expression))
}

func TestTopicOfABackfill(t *testing.T) {
	outputs := func(formats ...string) (list []transform.Output) {
		for i, f := range formats {
			var o transform.Output
			o.SetDefaults()
			o.Format, o.Topic = f, "own"+string(rune('0'+i))
			list = append(list, o)
		}
		return list
	}
	for _, test := range []struct {
		outputs []transform.Output
		want    []string
	}{
		{outputs("raw"), []string{"again"}},
		{outputs("raw", "raw"), []string{"again", "again"}},
		{outputs("raw", "incident"), []string{"again.raw", "again.incident"}},
	} {
		got, err := redirected(test.outputs, "again")
		if err != nil {
			t.Fatal(err)
		}
		var topics []string
		for _, o := range got {
			topics = append(topics, o.Topic)
		}
		if diff := cmp.Diff(test.want, topics); diff != "" || test.outputs[0].Topic != "own0" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	odd := outputs("raw", "raw")
	odd[1].Key = transform.KeyUser
	if _, err := redirected(odd, "again"); err == nil || !strings.Contains(err.Error(), "leave the topic out") {
		t.Errorf("two forms in one topic: %v", err)
	}
}

// TestTopicsThatTakeEvents has dead letters name topics that no setting leads to.
func TestTopicsThatTakeEvents(t *testing.T) {
	d := newRig(t, emulator.Config{}).daemon("", "")
	for name, want := range map[string]string{
		"again.raw": "", "o365.journal": "is kafka.journal_topic", "o365.control": "is control.topic", "{tenant}": "is a template", "{workload}": "is a template",
		"a b": "illegal", "..": "no name", "": "empty",
	} {
		err := d.tenants[0].eventTopic(name)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
