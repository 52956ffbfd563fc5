package process

import (
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"o365-kafka-connector/internal/e2e/stage"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed"
)

// idTally counts deliveries by record Id, from whatever blob.
type idTally struct {
	mu  sync.Mutex // guards the following
	ids map[string]int
}

func (c *idTally) take(r *kgo.Record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if id := stage.Header(r, "record_id"); id != "" {
		c.ids[id]++
	}
}

// compare counts the Ids that are in blobs that can be read, those of them that are missing, and deliveries beyond the
// first.
func (c *idTally) compare(api *emulator.Emulator) (offered, lost, repeated int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := map[string]bool{}
	for b := range api.Truth("", "") {
		for _, id := range b.Records {
			if b.Unavailable != "" || seen[id] {
				continue
			}
			seen[id] = true
			if c.ids[id] == 0 {
				lost++
			}
		}
	}
	for _, n := range c.ids {
		repeated += n - 1
	}
	return len(seen), lost, repeated
}

// Copies of records are dropped, in whatever blob they come, and no record is lost, however often the connector is
// killed.
func TestKillsLoseNothingWhereCopiesAreDropped(t *testing.T) {
	t.Parallel()
	for _, delivery := range []string{"exactly-once", "at-least-once"} {
		t.Run(delivery, func(t *testing.T) {
			t.Parallel()
			count := &idTally{ids: map[string]int{}}
			offer := load(23)
			offer.Faults = append([]emulator.Fault{{Kind: emulator.RepeatRecord, Probability: 0.5, Count: 5}}, offer.Faults...)
			s := stage.New(t, stage.Parts{
				Emulator: offer, Kafka: testbed.Kafka(t).Addresses(), Redis: testbed.Redis(t).Addr, Delivery: delivery,
				Settings: quick + "dedupe: {records: drop}\n", Event: count.take,
			})
			c := s.Start("one", "")
			for i := range 6 {
				await(s, c, 700*(i+1))
				c.Kill()
				c = s.Start("one", "")
			}
			s.API.StopOffering()
			s.Until(2*time.Minute, "everything is delivered", func() bool {
				c.MustRun()
				_, lost, _ := count.compare(s.API)
				return lost == 0
			}, c.Tail)
			time.Sleep(3 * time.Second) // for what comes twice
			offered, lost, repeated := count.compare(s.API)
			v := s.Tally.Compare(s.API.Truth("", ""), nil)
			copies := s.API.TruthSummary().Records - offered
			t.Logf("offered %d and %d copies; lost %d, repeated %d; left out %d", offered, copies, lost, repeated, v.Lost)
			most := 0 // a take settles what its forerunner claimed before anything else is published
			if delivery == "at-least-once" {
				most = mostRepeated(6)
			}
			if lost > 0 || repeated > most || copies == 0 || v.Lost < copies/2 {
				t.Errorf("lost %d, repeated %d, at most %d; of %d copies %d were left out", lost, repeated, most, copies, v.Lost)
			}
			c.Stop()
		})
	}
}
