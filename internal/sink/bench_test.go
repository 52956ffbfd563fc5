package sink_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/sink"
	"o365-kafka-connector/internal/testbed"
)

// BenchmarkPublish publishes commits of ten blobs of 1,000 records of 1.5 KB to a real Kafka. cpu-s/M is this
// process's CPU time for each million records.
func BenchmarkPublish(b *testing.B) {
	for _, codec := range []string{"none", "zstd"} {
		b.Run(codec, func(b *testing.B) { benchmarkPublish(b, codec) })
	}
}

func benchmarkPublish(b *testing.B, codec string) {
	server := testbed.Kafka(b)
	topic := testbed.Name(b)
	var k sink.KafkaConfig
	k.SetDefaults()
	k.Brokers, k.Topic, k.Compression = server.Addresses(), topic, codec
	k.Topics = sink.Topics{Partitions: 12, ReplicationFactor: 1}
	s, err := sink.Open(sink.Settings{Sink: sink.Config{Kind: sink.KindKafka}, Kafka: k}, sink.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	p, err := s.Open(b.Context(), stream, 1)
	if err != nil {
		b.Fatal(err)
	}
	var c audit.Commit
	for i := range 10 {
		c.Batches = append(c.Batches, records(b, topic, i))
	}
	if _, err := p.Publish(b.Context(), c); err != nil {
		b.Fatal(err)
	}
	before, start := cpu(), time.Now()
	for b.Loop() {
		if _, err := p.Publish(b.Context(), c); err != nil {
			b.Fatal(err)
		}
	}
	n := float64(b.N) * 10_000
	b.ReportMetric((cpu()-before).Seconds()/n*1e6, "cpu-s/M")
	b.ReportMetric(n/time.Since(start).Seconds(), "records/s")
	b.ReportMetric(0, "ns/op")
	remove(b, server, topic)
}

// records resemble audit records: much of each is the same, some is not.
func records(b *testing.B, topic string, blob int) *audit.Batch {
	batch := audit.NewBatch(stream, audit.Blob{ID: fmt.Sprint(blob)}, 1<<30, func() (audit.File, error) { return os.CreateTemp(b.TempDir(), "x") })
	for _, h := range []string{"content-type", "format", "tenant", "tenant_name", "content_type", "content_id", "content_created"} {
		batch.Headers = append(batch.Headers, audit.Header{Name: h, Value: []byte("application/json and so on")})
	}
	r := rand.New(rand.NewPCG(uint64(blob), 2))
	for i := range 1000 {
		id := fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", r.Uint32(), r.IntN(1<<16), r.IntN(1<<16), r.IntN(1<<16), r.Int64N(1<<48))
		value := fmt.Sprintf(`{"CreationTime":"2026-01-01T%02d:%02d:%02d","Id":"%s","Operation":"FileAccessed","OrganizationId":"11111111-1111-1111-1111-111111111111","RecordType":6,"UserKey":"i:0h.f|membership|%016x@live.com","UserType":0,"Version":1,"Workload":"SharePoint","ClientIP":"%d.%d.%d.%d","ObjectId":"https://contoso.sharepoint.com/sites/s%d/Shared Documents/%x.docx","UserId":"user%d@contoso.com",`,
			r.IntN(24), r.IntN(60), r.IntN(60), id, r.Int64(), r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(40), r.Int64(), r.IntN(500))
		for f := 0; len(value) < 1480; f++ {
			value += fmt.Sprintf(`"Field%02d":"%x",`, f, r.IntN(1<<24))
		}
		if err := batch.Append(audit.Event{Topic: topic, Key: []byte(id), Value: []byte(value + `"End":1}`), Ordinal: i, Headers: []audit.Header{
			{Name: "record_id", Value: []byte(id)}, {Name: "record_type", Value: []byte("6")}, {Name: "workload", Value: []byte("SharePoint")},
		}}); err != nil {
			b.Fatal(err)
		}
	}
	if err := batch.Seal(); err != nil {
		b.Fatal(err)
	}
	return batch
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func remove(b *testing.B, server *testbed.Broker, topic string) {
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(server.Addresses()...), Transport: transport}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.Context()), 10*time.Second)
	defer cancel()
	if _, err := client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{topic}}); err != nil {
		b.Error(err)
	}
}
