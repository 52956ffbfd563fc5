package process

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"o365-kafka-connector/internal/e2e/stage"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed"
)

// answers keeps the replies to commands, by id.
type answers struct {
	mu   sync.Mutex // guards the following
	byID map[string][]string
}

func (a *answers) take(r *kgo.Record) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.byID[string(r.Key)] = append(a.byID[string(r.Key)], string(r.Value))
}

func (a *answers) of(id string) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string{}, a.byID[id]...)
}

// corpses are the stage's blobs as dead letters: two that were not found, two that failed late, the rest malformed.
func corpses(s *stage.Stage) (all []corpse) {
	for b := range s.API.Truth("", "") {
		c := corpse{b.ContentID, "malformed", "2026-11-21T12:00:00Z"}
		switch len(all) {
		case 0, 1:
			c.cause = "not-found"
		case 2, 3:
			c.failed = "2026-11-22T12:00:00Z"
		}
		all = append(all, c)
	}
	return all
}

// A redrive takes what its flags choose and what no other one took, whether it is asked for at the command line or by a
// message on the control topic. The same message again has the same answer and no effect.
func TestRedriveTakesWhatIsChosen(t *testing.T) {
	t.Parallel()
	got, told := &deliveredOf{times: map[string]int{}}, &answers{byID: map[string][]string{}}
	kafka := testbed.Kafka(t)
	s := stage.New(t, stage.Parts{
		Emulator: emulator.Config{
			Seed: 29, BacklogRecords: 48, Backlog: 50 * time.Minute, RecordsPerBlob: 4, ContentTypes: []string{emulator.Exchange},
		},
		Kafka: kafka.Addresses(), Redis: testbed.Redis(t).Addr, Settings: quick, Event: got.take,
	})
	if err := kafka.CreateTopic(t.Context(), s.Topic("dead-letters"), 3); err != nil {
		t.Fatal(err)
	}
	c := s.Start("one", "")
	s.API.StopOffering()
	s.Settled(time.Minute, c)
	s.Read(s.Topic("replies"), told.take)
	all := corpses(s)
	bury(t, s, all, kgo.TryCommit)
	client := s.Client(kgo.DefaultProduceTopic(s.Topic("control")))
	byTopic := func(id, arguments string) string {
		before := len(told.of(id))
		if err := client.ProduceSync(t.Context(), &kgo.Record{
			Key:   []byte(emulator.DefaultTenantID + "/" + emulator.Exchange),
			Value: []byte(`{"id":"` + id + `","command":"redrive","tenant":"contoso","arguments":{"content_type":"Audit.Exchange",` + arguments + `}}`),
		}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		s.Until(time.Minute, "the redrive is answered", func() bool { return len(told.of(id)) > before }, c.Tail)
		return told.of(id)[before]
	}
	byCommandLine := func(flags ...string) string {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		args := append([]string{"redrive", "Audit.Exchange", "--config", s.Config("asking", "127.0.0.1:0", ""), "--output", "json"}, flags...)
		out, err := exec.CommandContext(ctx, stage.Binary(t), args...).Output()
		if err != nil {
			t.Fatalf("%v: %v: %s", flags, err, out)
		}
		return string(out)
	}
	for _, step := range []struct{ answer, want string }{
		{byTopic("dry", `"cause":"not-found","dry_run":true`), `"blobs":2,"records":0,"expired":0,"redriven_before":0`},
		{byTopic("r-1", `"since":"2026-11-22"`), `"state":"done","letters":2,"blobs":2,"records":8`},
		{byTopic("r-1", `"since":"2026-11-22"`), `"state":"done","letters":2,"blobs":2,"records":8`},
		{byCommandLine("--cause", "not-found", "--content-id", all[0].id), `"letters":1,"blobs":1,"records":4`},
		{byCommandLine("--cause", "not-found"), `"letters":1,"blobs":1,"records":4,"failed_again":0,"expired":0,"redriven_before":1`},
		{byTopic("r-2", `"content_id":"`+all[4].id+`"`), `"letters":1,"blobs":1,"records":4`},
		{byCommandLine("--since", "2026-11-21T12:00"), `"letters":7,"blobs":7,"records":28,"failed_again":0,"expired":0,"redriven_before":5`},
		{byCommandLine(), `"letters":0,"blobs":0,"records":0,"failed_again":0,"expired":0,"redriven_before":12`},
	} {
		if !strings.Contains(compact(t, step.answer), step.want) {
			t.Errorf("%s, want %s", step.answer, step.want)
		}
	}
	buried := map[string]bool{}
	for b := range s.API.Truth("", "") {
		for _, r := range b.Records {
			buried[b.ContentID+" "+r] = true
		}
	}
	if n := got.count(buried, 2); n != len(buried) || len(buried) != 48 {
		t.Errorf("%d of %d records came twice", n, len(buried))
	}
	c.Stop()
}

// compact is JSON without spaces.
func compact(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Compact(&out, []byte(text)); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return out.String()
}
