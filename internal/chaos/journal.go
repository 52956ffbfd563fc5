package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"o365-kafka-connector/internal/audit"
)

// journalEntry is a message of the journal, as far as it tells who did what to which blob.
type journalEntry struct {
	N       int64        `json:"n"`
	Epoch   int64        `json:"epoch"`
	Time    time.Time    `json:"time"`
	Done    []audit.Hash `json:"done"`
	Pending []struct {
		ID    string `json:"id"`
		Cause string `json:"cause"`
		Error string `json:"error"`
	} `json:"pending"`
	Resolved []audit.Hash `json:"resolved"`

	place     Place
	stream    string
	committed bool
}

func (e journalEntry) about(blob string) bool {
	h := audit.HashOf(blob)
	for _, p := range e.Pending {
		if p.ID == blob {
			return true
		}
	}
	return slices.Contains(e.Done, h) || slices.Contains(e.Resolved, h)
}

func (e journalEntry) tell(blob string) string {
	h := audit.HashOf(blob)
	var what []string
	if slices.Contains(e.Done, h) {
		what = append(what, "done")
	}
	if slices.Contains(e.Resolved, h) {
		what = append(what, "resolved")
	}
	for _, p := range e.Pending {
		if p.ID == blob {
			what = append(what, "pending ("+p.Cause+": "+p.Error+")")
		}
	}
	outcome := "aborted"
	if e.committed {
		outcome = "committed"
	}
	return fmt.Sprintf("%s by n %d of epoch %d, %s, %s", strings.Join(what, ", "), e.N, e.Epoch, outcome, e.place)
}

// readJournal reads all entries, those of aborted transactions, too.
func readJournal(ctx context.Context, brokers []string) ([]journalEntry, error) {
	committed := map[[2]int64]bool{}
	err := readAll(ctx, brokers, kgo.ReadCommitted(), func(r *kgo.Record) { committed[[2]int64{int64(r.Partition), r.Offset}] = true })
	if err != nil {
		return nil, err
	}
	var all []journalEntry
	err = readAll(ctx, brokers, kgo.ReadUncommitted(), func(r *kgo.Record) {
		e := journalEntry{place: placeOf(r), stream: string(r.Key), committed: committed[[2]int64{int64(r.Partition), r.Offset}]}
		if json.Unmarshal(r.Value, &e) == nil {
			all = append(all, e)
		}
	})
	return all, err
}

// readAll reads the journal until nothing comes for a while.
func readAll(ctx context.Context, brokers []string, level kgo.IsolationLevel, take func(*kgo.Record)) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(journalTopic), kgo.FetchIsolationLevel(level),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return fmt.Errorf("connect to Kafka: %w", err)
	}
	defer client.Close()
	for {
		qctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		fetches := client.PollFetches(qctx)
		quiet := qctx.Err() != nil
		cancel()
		fetches.EachRecord(take)
		if quiet {
			return ctx.Err()
		}
	}
}
