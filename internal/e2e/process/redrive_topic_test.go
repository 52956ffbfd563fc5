package process

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"o365-kafka-connector/internal/e2e/stage"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed"
)

// What the stream's topic and that of a back-fill refuse goes back to each of them, once, although they refuse the same
// records and the back-fill is over.
func TestARedriveLeadsBackToTheTopicOfABackfill(t *testing.T) {
	t.Parallel()
	broker := testbed.Kafka(t)
	s := stage.New(t, stage.Parts{
		Emulator: emulator.Config{Seed: 31, BacklogRecords: 400, Backlog: 50 * time.Minute, RecordsPerBlob: 20, ContentTypes: []string{emulator.Exchange}},
		Kafka:    broker.Addresses(), Redis: testbed.Redis(t).Addr, Settings: quick,
	})
	again, refused, keys := emulator.NewTally(), map[string]int64{}, map[string]bool{}
	live, copied := s.Topic("incidents"), s.Topic("again")
	for _, topic := range []string{live, copied} {
		maxMessage(t, broker, topic, "1300", true)
	}
	s.Read(copied, func(r *kgo.Record) { again.Add(stage.Header(r, "content_id"), stage.Header(r, "record_id")) })
	letters := emulator.NewTally()
	s.Read(s.Topic("dead-letters"), func(r *kgo.Record) {
		refused[stage.Header(r, "topic")]++
		keys[string(r.Key)] = true
		letters.Add(stage.Header(r, "topic"), string(r.Key))
	})
	c := s.Start("one", "")
	s.API.StopOffering()
	config := s.Config("asking", "127.0.0.1:0", "")
	now := time.Now().UTC()
	s.Until(time.Minute, "the stream is read", func() bool { return s.Tally.Total()+letters.Total() == 400 }, c.Tail)
	ask(t, s, "backfill", "audit.exchange", "--start-time", now.Add(-2*time.Hour).Format(time.RFC3339), "--end-time", now.Format(time.RFC3339),
		"--mode", "republish", "--topic", copied, "--config", config)
	s.Until(time.Minute, "the back-fill is done", func() bool {
		return s.Tally.Total()+again.Total()+letters.Total() == 800 && strings.Contains(c.Tail(), "back-fill has ended") // else it goes on
	}, c.Tail)
	c.Kill()
	if n := refused[live]; n == 0 || n != refused[copied] || int64(len(keys)) != 2*n {
		t.Errorf("refused %v, %d keys", refused, len(keys))
	}

	for _, topic := range []string{live, copied} {
		maxMessage(t, broker, topic, "1048588", false)
	}
	c = s.Start("one", "")
	ask(t, s, "redrive", "audit.exchange", "--config", config)
	s.Until(time.Minute, "what was refused is put back", func() bool { return s.Tally.Total() == 400 && again.Total() == 400 }, c.Tail)
	time.Sleep(2 * time.Second) // for what comes twice
	for name, tally := range map[string]*emulator.Tally{"stream": s.Tally, "back-fill": again} {
		if v := tally.Compare(s.API.Truth("", ""), nil); v.Repeated > 0 || v.Lost > 0 || v.Foreign > 0 {
			t.Errorf("%s: %+v", name, v)
		}
	}
	c.Stop()
}

// ask gives a command that succeeds.
func ask(t *testing.T, s *stage.Stage, args ...string) {
	t.Helper()
	if out := s.Call(t, args...); out.Code != 0 {
		t.Fatalf("%v: exit status %d\n%s", args, out.Code, out.Stderr)
	}
}
