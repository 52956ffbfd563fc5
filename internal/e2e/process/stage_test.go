// Package process tests the connector as operators run it: its binary as a process, on a real Kafka and a real Redis,
// against an emulated Management Activity API.
package process

import (
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"o365-kafka-connector/internal/e2e/stage"
)

func TestMain(m *testing.M) { stage.Main(m) }

// delivery is one message on the topic of events.
type delivery struct {
	tenant, contentType string
	created             time.Time     // contentCreated
	lag                 time.Duration // contentCreated to the broker's timestamp
}

// deliveries are all messages of a stage.
type deliveries struct {
	t *testing.T

	mu  sync.Mutex // guards the following
	all []delivery
}

func (d *deliveries) take(r *kgo.Record) {
	created, err := time.Parse(time.RFC3339Nano, stage.Header(r, "content_created"))
	if err != nil {
		d.t.Errorf("header content_created: %v", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, delivery{stage.Header(r, "tenant"), stage.Header(r, "content_type"), created, r.Timestamp.Sub(created)})
}

// await waits until so many records have arrived.
func await(s *stage.Stage, c *stage.Connector, records int) {
	s.Until(time.Minute, "enough records", func() bool {
		c.MustRun()
		return s.Tally.Total() >= records
	}, c.Tail)
}
