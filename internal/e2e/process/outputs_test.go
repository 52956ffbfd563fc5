package process

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"o365-kafka-connector/internal/e2e/stage"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed"
)

// three publishes each record up to three times.
const three = `    outputs:
      - {format: raw, topic: "{name}.incidents"}
      - {format: incident, topic: "{name}.second"}
      - {format: raw, topic: "{name}.mail", key: user, filter: {workloads: ["exch*"], not: {operations: [Send]}}}
`

// maxMessage makes a topic refuse the larger incidents.
func maxMessage(t *testing.T, broker *testbed.Broker, topic, limit string, create bool) {
	t.Helper()
	client := &kafka.Client{Addr: kafka.TCP(broker.Addresses()...)}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	const key = "max.message.bytes"
	if create {
		res, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
			Topic: topic, NumPartitions: 3, ReplicationFactor: 1, ConfigEntries: []kafka.ConfigEntry{{ConfigName: key, ConfigValue: limit}},
		}}})
		if err != nil || res.Errors[topic] != nil {
			t.Fatal(err, res)
		}
		return
	}
	res, err := client.IncrementalAlterConfigs(ctx, &kafka.IncrementalAlterConfigsRequest{Resources: []kafka.IncrementalAlterConfigsRequestResource{{
		ResourceType: kafka.ResourceTypeTopic, ResourceName: topic,
		Configs: []kafka.IncrementalAlterConfigsRequestConfig{{Name: key, Value: limit, ConfigOperation: kafka.ConfigOperationSet}},
	}}})
	if err != nil || res.Resources[0].Error != nil {
		t.Fatal(err, res)
	}
}

// Each record is once in each output that takes it, however often the connector is killed. What one output's topic
// refuses is a dead letter of that output, and put back there alone.
func TestOutputsAreDeliveredTogether(t *testing.T) {
	t.Parallel()
	broker := testbed.Kafka(t)
	offered := load(29)
	offered.BacklogRecords = 3000
	mail := &deliveredOf{times: map[string]int{}} // what of the first output should be in the third
	s := stage.New(t, stage.Parts{
		Emulator: offered, Kafka: broker.Addresses(), Redis: testbed.Redis(t).Addr, Settings: quick,
		Tenants: stage.Tenant(emulator.DefaultTenantID, "contoso") + three,
		Event: func(r *kgo.Record) {
			if stage.Header(r, "workload") == "Exchange" && !strings.Contains(string(r.Value), `"Operation":"Send"`) {
				mail.take(r)
			}
		},
	})
	maxMessage(t, broker, s.Topic("second"), "1300", true)
	second, letters, third := emulator.NewTally(), emulator.NewTally(), &deliveredOf{times: map[string]int{}}
	s.Read(s.Topic("second"), func(r *kgo.Record) {
		second.Add(stage.Header(r, "content_id"), stage.Header(r, "record_id"))
		if f := stage.Header(r, "format"); f != "incident" {
			t.Errorf("format %q", f)
		}
	})
	s.Read(s.Topic("mail"), third.take)
	s.Read(s.Topic("dead-letters"), func(r *kgo.Record) {
		letters.Add(stage.Header(r, "content_id"), stage.Header(r, "record_id"))
		if topic := stage.Header(r, "topic"); topic != s.Topic("second") || stage.Header(r, "format") != "incident" {
			t.Errorf("a dead letter of topic %q", topic)
		}
	})
	c := s.Start("one", "")
	for i := range 4 {
		await(s, c, 700*(i+1))
		c.Kill()
		c = s.Start("one", "")
	}
	s.API.StopOffering()
	s.Settled(2*time.Minute, c)
	time.Sleep(2 * time.Second) // for what comes twice
	v := s.Tally.Compare(s.API.Truth("", ""), nil)
	if v.Repeated > 0 || v.Lost > 0 {
		t.Errorf("first output: repeated %d, lost %d", v.Repeated, v.Lost)
	}
	refused := letters.Total()
	if v = second.Compare(s.API.Truth("", ""), nil); v.Repeated > 0 || v.Lost != refused || refused == 0 || second.Total() == 0 {
		t.Errorf("second output: repeated %d, lost %d, refused %d, delivered %d", v.Repeated, v.Lost, refused, second.Total())
	}
	third.same(t, mail)

	maxMessage(t, broker, s.Topic("second"), "1048588", false)
	for _, ct := range []string{"audit.azureactivedirectory", "audit.exchange", "audit.sharepoint", "audit.general", "dlp.all"} {
		if out := s.Call(t, "redrive", ct, "--config", s.Config("asking", "127.0.0.1:0", "")); out.Code != 0 {
			t.Fatalf("exit status %d\n%s\n%s", out.Code, out.Stderr, c.Tail())
		}
	}
	s.Until(time.Minute, "what was refused is put back", func() bool { return second.Compare(s.API.Truth("", ""), nil).Lost == 0 }, c.Tail)
	time.Sleep(2 * time.Second)
	for name, tally := range map[string]*emulator.Tally{"first": s.Tally, "second": second} {
		if v := tally.Compare(s.API.Truth("", ""), nil); v.Repeated > 0 || v.Lost > 0 || v.Foreign > 0 {
			t.Errorf("%s output after the redrive: %+v", name, v)
		}
	}
	third.same(t, mail)
	c.Stop()
	t.Logf("offered %d, refused by the second output %d, in the third %d", v.Offered, refused, len(third.times))
}

// same expects that each record arrived as often as another reader saw it.
func (d *deliveredOf) same(t *testing.T, want *deliveredOf) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	want.mu.Lock()
	defer want.mu.Unlock()
	if len(want.times) == 0 || len(d.times) != len(want.times) {
		t.Errorf("%d records arrived, want %d", len(d.times), len(want.times))
	}
	for r, n := range want.times {
		if d.times[r] != n {
			t.Errorf("%s arrived %d times, want %d", r, d.times[r], n)
			return
		}
	}
}
