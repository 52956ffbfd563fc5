package sink_test

import (
	"fmt"
	"testing"

	"o365-kafka-connector/internal/audit"
)

func TestBlobsOfOneCommitKeepTheirOrder(t *testing.T) {
	t.Parallel()
	c := fake(t)
	p, _, _ := open(t, c.ListenAddrs(), nil)
	const blobs, each, keys = 20, 300, 50
	var batches []*audit.Batch
	for blob := range blobs {
		batches = append(batches, batchOf(t, fmt.Sprint(blob), 1<<30, func(i int) (audit.Event, bool) {
			e := event("events", fmt.Sprint(blob), i, fmt.Appendf(nil, "%05d", blob*each+i))
			e.Key = fmt.Appendf(nil, "key-%d", i%keys)
			return e, i < each
		}))
	}
	publish(t, p, audit.Commit{Batches: batches})
	last, partitions := map[string]string{}, map[int32]bool{}
	for _, r := range consume(t, c.ListenAddrs(), "events", blobs*each) {
		partitions[r.Partition] = true
		if key := string(r.Key); string(r.Value) <= last[key] {
			t.Fatalf("key %s: %s after %s", key, r.Value, last[key])
		}
		last[string(r.Key)] = string(r.Value)
	}
	if len(last) != keys || len(partitions) < 2 {
		t.Errorf("%d keys in %d partitions", len(last), len(partitions))
	}
}
