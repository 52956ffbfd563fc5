package control

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

// Replies come at least once: what a member wrote again after a fault is not told twice, and parts of two answers are
// not mixed.
func TestClientSkipsRepeatedParts(t *testing.T) {
	onKafka(t, func(r *rig) {
		a := r.join("a", change{})
		r.whole(10*time.Second, "a")
		a.leave()
		sent := &cursor{client: r.conn.Client, topic: r.config.Topic, partition: r.partitionOf(tenantID), offset: kafka.FirstOffset}
		for _, tc := range []struct {
			id, texts string // the first letter is the part's number; 3 is the last one
			want      []int
			mixed     bool
		}{
			{"same", "1a 1a 2a 1a 2a 3a", []int{1, 2, 3}, false},
			{"anew", "1a 2a 1b 2b 3b", []int{1, 2}, true},
			{"later", "1a 2a 1a 2b 3b", []int{1, 2}, true},
			{"before", "2a 3a 1b 2b 3b", []int{1, 2, 3}, false}, // of an answer whose begin is gone
		} {
			command := Command{ID: tc.id, Name: ShowStatus, Tenant: tenantID}
			var answering sync.WaitGroup
			answering.Go(func() {
				for got := 0; got == 0 && t.Context().Err() == nil; {
					m, err := sent.next(t.Context())
					if got = len(m); err != nil {
						t.Error(err)
						return
					}
				}
				for _, text := range strings.Fields(tc.texts) {
					reply := complete(command, Reply{Part: int(text[0] - '0'), HumanReadable: text[1:]})
					reply.Last = reply.Part == 3
					value, err := json.Marshal(reply)
					if err == nil {
						err = a.produce(context.Background(), r.config.ReplyTopic, -1, outgoing{key: tc.id, value: value})
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			var parts []int
			var problem error
			for reply, err := range r.client.Do(ctx, command) {
				if problem = err; err == nil {
					parts = append(parts, reply.Part)
				}
			}
			cancel()
			answering.Wait()
			if !slices.Equal(parts, tc.want) || tc.mixed != (problem != nil && strings.Contains(problem.Error(), "send the command again")) {
				t.Errorf("%s: parts %v, %v", tc.id, parts, problem)
			}
		}
	})
}
