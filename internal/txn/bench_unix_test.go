//go:build unix

package txn

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"syscall"
	"testing"
	"time"

	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/testbed"
)

// BenchmarkDelivery compares the processor time of both producers over groups of blobs, 100 records of 1.5 kB each, and
// the time that a group takes. It sends as soon as a megabyte is encoded.
func BenchmarkDelivery(b *testing.B) {
	kafka, err := testbed.StartKafka(b.Context(), testbed.KafkaOptions{Throughput: true})
	if err != nil {
		b.Fatal(err)
	}
	defer kafka.Close()
	conn, err := broker.New(broker.Config{Brokers: kafka.Addresses()}, "txn-bench")
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	topics := NewTopics(conn, requestTimeout)
	topic, journal := testbed.Name(b), testbed.Name(b)
	for _, name := range []string{topic, journal} {
		if err := kafka.CreateTopic(b.Context(), name, 6); err != nil {
			b.Fatal(err)
		}
	}
	for _, blobs := range []int{1, 250} {
		for _, compression := range []string{"none", "zstd"} {
			codec, err := NewCodec(compression)
			if err != nil {
				b.Fatal(err)
			}
			name := fmt.Sprintf("%d/%s", blobs, compression)
			b.Run(name+"/idempotent", func(b *testing.B) {
				p := NewProducer(conn, topics, Options{Codec: codec})
				deliver(b, topic, blobs*100, func(batches []*Batch, _ bool) error {
					_, err := p.Flush(b.Context(), batches)
					return err
				})
			})
			b.Run(name+"/transactional", func(b *testing.B) {
				tx, err := Open(b.Context(), conn, topics, TransactionOptions{
					ID: testbed.Name(b), Codec: codec, Group: testbed.Name(b), OffsetOf: Partition{journal, 0},
				})
				if err != nil {
					b.Fatal(err)
				}
				var n int64
				deliver(b, topic, blobs*100, func(batches []*Batch, last bool) error {
					if !last {
						return tx.Publish(b.Context(), batches)
					}
					n++
					entry := batch(journal, 0, "entry")
					defer entry.Release()
					_, err := tx.Commit(b.Context(), append(batches, entry), Offset{N: n})
					return err
				})
			})
		}
	}
}

// deliver sends groups of records by flush, and reports the processor time of this process.
func deliver(b *testing.B, topic string, records int, flush func(batches []*Batch, last bool) error) {
	b.Helper()
	const flushBytes = 1 << 20
	values := make([][]byte, 1000)
	for i := range values {
		noise := make([]byte, 375)
		if _, err := rand.Read(noise); err != nil {
			b.Fatal(err)
		}
		values[i] = []byte(hex.EncodeToString(noise) + hex.EncodeToString(noise)) // compresses to a quarter
	}
	before := processorTime(b)
	for b.Loop() {
		batches, size := map[int32]*Batch{}, 0
		send := func(last bool) {
			var all []*Batch
			for _, in := range batches {
				all = append(all, in)
			}
			if err := flush(all, last); err != nil {
				b.Fatal(err)
			}
			for _, in := range all {
				in.Release()
			}
			clear(batches)
			size = 0
		}
		for i := range records {
			at := int32(i % 6)
			if batches[at] == nil {
				batches[at] = NewSizedBatch(Partition{topic, at}, time.Now(), flushBytes/6)
			}
			value := values[i%len(values)]
			batches[at].Append(Record{Key: value[:36], Value: value})
			if size += len(value); size >= flushBytes {
				send(false)
			}
		}
		send(true)
	}
	used := processorTime(b) - before
	b.ReportMetric(used.Seconds()/float64(b.N*records)*1e6, "cpu-s/Mrecord")
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/group")
	b.ReportMetric(0, "ns/op")
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
