package txn

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A broker that is too old, or has no transactions, is told at once and for good.
func TestBrokersWithoutTransactions(t *testing.T) {
	tests := map[string]map[protocol.ApiKey]int16{
		"no transactions":            {protocol.InitProducerId: -1, protocol.AddPartitionsToTxn: -1, protocol.EndTxn: -1},
		"idempotent producers only":  {protocol.InitProducerId: 1, protocol.AddPartitionsToTxn: -1},
		"epochs that cannot be kept": {protocol.InitProducerId: 2},
	}
	for name, limits := range tests {
		t.Run(name, func(t *testing.T) {
			fake, err := kfake.NewCluster(kfake.NumBrokers(1))
			if err != nil {
				t.Fatal(err)
			}
			defer fake.Close()
			fake.ControlKey(int16(protocol.ApiVersions), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
				fake.KeepControl()
				return versionsBut(kreq, limits), nil, true
			})
			r := &rig{t: t, addrs: fake.ListenAddrs(), id: "id", group: "group", topics: []string{"events", "journal"}}
			c := r.client()
			defer c.conn.Close()
			o := r.options()
			o.Failed = func(_ context.Context, f Failure) { t.Errorf("tried again: %v", f.Err) }
			if _, err := Open(bounded(t), c.conn, c.topics, o); !errors.Is(err, ErrUnsupported) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// versionsBut answers as a broker would that knows all requests up to kafka-go's versions, but for some.
func versionsBut(kreq kmsg.Request, limits map[protocol.ApiKey]int16) kmsg.Response {
	res := kreq.ResponseKind().(*kmsg.ApiVersionsResponse)
	for key := range protocol.ApiKey(52) {
		limit := key.MaxVersion()
		if l, ok := limits[key]; ok {
			limit = l
		}
		if limit >= 0 {
			api := kmsg.NewApiVersionsResponseApiKey()
			api.ApiKey, api.MinVersion, api.MaxVersion = int16(key), key.MinVersion(), limit
			res.ApiKeys = append(res.ApiKeys, api)
		}
	}
	return res
}

// What we try again is what another implementation of the protocol calls retriable, but for these.
func TestVerdictsAgreeWithAnotherTable(t *testing.T) {
	differ := map[kafka.Error]string{
		kafka.InvalidMessage:              "a checksum that is wrong will be wrong again; a reader may ask for another copy",
		kafka.ConcurrentTransactions:      "other clients hide it below their own transactions",
		kafka.BrokerNotAvailable:          "kafka-go's own",
		kafka.NotController:               "not asked of controllers",
		kafka.OffsetNotAvailable:          "of Fetch and ListOffsets",
		kafka.PreferredLeaderNotAvailable: "of elections",
		kafka.EligibleLeadersNotAvailable: "of elections",
		kafka.ElectionNotNeeded:           "of elections",
		kafka.FetchSessionIDNotFound:      "of Fetch",
		kafka.InvalidFetchSessionEpoch:    "of Fetch",
		kafka.FetchSessionTopicIDError:    "of Fetch",
		kafka.UnknownTopicID:              "our requests name topics by their names",
		kafka.InconsistentTopicID:         "our requests name topics by their names",
		kafka.ReplicaNotAvailable:         "of Metadata: passes with an election",
		kafka.ThrottlingQuotaExceeded:     "the answer says when, and that is soon",
		kafka.OutOfOrderSequenceNumber:    "only with another session",
		kafka.UnknownProducerId:           "only with another session",
	}
	for code := range kafka.FetchSessionTopicIDError + 1 {
		known := kerr.ErrorForCode(int16(code))
		if code == 0 || errors.Is(known, kerr.UnknownServerError) {
			continue
		}
		v := verdicts[code]
		ours := v == again || v == busy
		_, excused := differ[code]
		if theirs := kerr.IsRetriable(known); theirs != ours && !excused {
			t.Errorf("%d %v: retriable %v, ours %v", code, known, theirs, ours)
		}
	}
	for code := range verdicts {
		if _, ok := severity[verdicts[code]]; !ok {
			t.Errorf("%d has no severity", code)
		}
	}
	if got := len(slices.Collect(maps.Keys(severity))); got != int(unsupported)+1 {
		t.Errorf("%d verdicts have a severity", got)
	}
}

// An answer about offsets is read as it is written by another implementation, and from a real broker.
func TestOffsetsAreRead(t *testing.T) {
	res := kmsg.NewPtrOffsetFetchResponse()
	res.Version = stableVersion
	topic := kmsg.NewOffsetFetchResponseTopic()
	topic.Topic = "t"
	part := kmsg.NewOffsetFetchResponseTopicPartition()
	part.Partition, part.Offset, part.Metadata, part.ErrorCode = 3, 12, kmsg.StringPtr("meta"), 88
	topic.Partitions = append(topic.Partitions, part)
	res.Topics = append(res.Topics, topic)
	whole := append(make([]byte, 5), res.AppendTo(nil)...) // correlation id, tags
	got, err := decodeOffset(whole)
	if err != nil || *got != (offsetAnswer{offset: 12, metadata: "meta", code: 88}) {
		t.Errorf("answer %+v, %v", got, err)
	}
	for n := range whole {
		if _, err := decodeOffset(whole[:n]); err == nil {
			t.Errorf("%d of %d bytes are taken for an answer", n, len(whole))
		}
	}
	req := kmsg.NewPtrOffsetFetchRequest()
	sent := (&offsetRequest{group: "g", at: Partition{"t", 3}}).encode("client")
	req.Version = stableVersion
	if err := req.ReadFrom(sent[4+2+2+4+2+len("client")+1:]); err != nil || req.Group != "g" || !req.RequireStable ||
		req.Topics[0].Topic != "t" || req.Topics[0].Partitions[0] != 3 {
		t.Errorf("request %+v, %v", req, err)
	}
}

// Right after a commit an offset is not stable yet; asking for it must not answer the older one.
func TestOffsetsAreStable(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		tx := r.client().mustOpen()
		for n := int64(1); n <= 30; n++ {
			r.mustPublish(tx, n)
			if err := tx.fetch(bounded(t)); err != nil || tx.Committed().N != n {
				t.Fatalf("right after the commit of %d: %+v, %v", n, tx.Committed(), err)
			}
		}
	})
}

func FuzzOffsetAnswer(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 't', 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 12, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := decodeOffset(b)
		if (a == nil) == (err == nil) {
			t.Errorf("answer %+v, %v", a, err)
		}
	})
}
