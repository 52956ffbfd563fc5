package process

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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

// deliveredOf counts how often each record arrives.
type deliveredOf struct {
	mu    sync.Mutex // guards the following
	times map[string]int
}

func (d *deliveredOf) take(r *kgo.Record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.times[stage.Header(r, "content_id")+" "+stage.Header(r, "record_id")]++
}

// count returns how many of the records arrived so often.
func (d *deliveredOf) count(records map[string]bool, times int) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for r := range records {
		if d.times[r] == times {
			n++
		}
	}
	return n
}

// corpse is a blob with a dead letter.
type corpse struct {
	id, cause string
	failed    string // last
}

// malformed are blobs with dead letters that differ in nothing else.
func malformed(ids []string) (all []corpse) {
	for _, id := range ids {
		all = append(all, corpse{id, "malformed", "2026-11-23T01:00:00Z"})
	}
	return all
}

// bury writes dead letters of blobs in one transaction.
func bury(t *testing.T, s *stage.Stage, blobs []corpse, commit kgo.TransactionEndTry) {
	t.Helper()
	client := s.Client(kgo.TransactionalID(testbed.Name(t)), kgo.DefaultProduceTopic(s.Topic("dead-letters")))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for _, b := range blobs {
		sum := sha256.Sum256([]byte(emulator.DefaultTenantID + "/" + emulator.Exchange + "\x00" + b.id + "\x00blob"))
		value, err := json.Marshal(map[string]string{"content_id": b.id})
		if err != nil {
			t.Fatal(err)
		}
		r := &kgo.Record{Key: []byte(hex.EncodeToString(sum[:16])), Value: value}
		for name, text := range map[string]string{
			"tenant": emulator.DefaultTenantID, "content_type": emulator.Exchange, "content_id": b.id, "kind": "blob", "cause": b.cause,
			"attempts": "5", "first_failed": "2026-11-20T00:00:00Z", "last_failed": b.failed,
		} {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: name, Value: []byte(text)})
		}
		if err := client.ProduceSync(ctx, r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.EndTransaction(ctx, commit); err != nil {
		t.Fatal(err)
	}
}

// A redrive publishes each dead letter once, although the connector is killed over and over meanwhile, the redrive is
// asked for again, and others stand there in a transaction that was aborted.
func TestRedriveSurvivesKills(t *testing.T) {
	t.Parallel()
	got := &deliveredOf{times: map[string]int{}}
	kafka := testbed.Kafka(t)
	s := stage.New(t, stage.Parts{
		Emulator: emulator.Config{
			Seed: 23, BacklogRecords: 2400, Backlog: 50 * time.Minute, RecordsPerBlob: 4, ContentTypes: []string{emulator.Exchange},
			Faults: []emulator.Fault{{Kind: emulator.SlowBody, Bytes: 100_000}},
		},
		Kafka: kafka.Addresses(), Redis: testbed.Redis(t).Addr, Settings: quick, Event: got.take,
	})
	if err := kafka.CreateTopic(t.Context(), s.Topic("dead-letters"), 3); err != nil {
		t.Fatal(err)
	}
	c := s.Start("one", "")
	s.API.StopOffering()
	s.Settled(2*time.Minute, c)
	buried, others := map[string]bool{}, map[string]bool{}
	var ids, aborted []string
	for b := range s.API.Truth("", "") {
		into := others
		switch {
		case len(ids) < 300:
			ids, into = append(ids, b.ContentID), buried
		default:
			aborted = append(aborted, b.ContentID)
		}
		for _, r := range b.Records {
			into[b.ContentID+" "+r] = true
		}
	}
	bury(t, s, malformed(aborted), kgo.TryAbort)
	bury(t, s, malformed(ids), kgo.TryCommit)
	redrive := func(more ...string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		args := append([]string{"redrive", "audit.exchange", "--config", s.Config("asking", "127.0.0.1:0", "")}, more...)
		out, err := exec.CommandContext(ctx, stage.Binary(t), args...).CombinedOutput()
		return string(out), err
	}
	if out, err := redrive("--dry-run"); err != nil || !strings.Contains(out, "would put back 300 blobs and 0 single records; 0 were put back before") {
		t.Fatalf("dry run: %v\n%s", err, out)
	}
	done := make(chan string, 1)
	go func() {
		out, err := redrive()
		if err != nil {
			out += err.Error()
		}
		done <- out
	}()
	for kills := range 4 {
		s.Until(time.Minute, "more is put back", func() bool { return got.count(buried, 2) > 200*(kills+1) }, c.Tail)
		c.Kill()
		c = s.Start("one", "")
	}
	s.Until(2*time.Minute, "all is put back", func() bool { return got.count(buried, 2) >= len(buried) }, c.Tail)
	t.Log(<-done)
	out, err := redrive("--cause", "malformed")
	if err != nil || !strings.Contains(out, "0 dead letters put back") || !strings.Contains(out, "300 left out") {
		t.Errorf("again: %v\n%s", err, out)
	}
	if n := got.count(buried, 2); n != len(buried) {
		t.Errorf("%d of %d records that were put back came twice", n, len(buried))
	}
	if n := got.count(others, 1); n != len(others) {
		t.Errorf("%d of %d others came once", n, len(others))
	}
	c.Stop()
}
