package txn

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/testbed"
)

// A transaction that its coordinator does not know of, and that lacks nothing but marks, is completed by the next owner.
func TestHangingTransactionIsCompleted(t *testing.T) {
	t.Parallel()
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, testbed.OwnKafkaWith(t, testbed.KafkaOptions{Version: version, Properties: map[string]string{
				"transaction.partition.verification.enable": "false", // a broker that verifies lets nobody make one
			}}))
			r.mustPublish(r.client().mustOpen(), 1)
			tx := r.client().mustOpen() // the marks of the first transaction are written
			events, last := r.unit(2)
			if sent := tx.round(bounded(t), append(events, last...)); len(sent.left)+len(sent.refused) > 0 {
				t.Fatalf("publish without a transaction: %v", sent.failure)
			}
			if err := tx.setOffset(bounded(t), Offset{N: 2, Metadata: "m2"}); err != nil {
				t.Fatal(err)
			}
			next := r.client().mustOpen()
			if got := next.Committed(); got.N != 2 {
				t.Errorf("committed is %+v", got)
			}
			r.mustPublish(next, 3)
			values, _ := r.settled()
			if d := cmp.Diff(r.values(3), values); d != "" {
				t.Errorf("values (-want +got): %s", d)
			}
		})
	}
}
