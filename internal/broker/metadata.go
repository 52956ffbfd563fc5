package broker

import (
	"context"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// freshRequest goes around the transport's cache of metadata, which is up to six seconds old and silent about topics
// that exist but are not ours to see: the transport sends the parts of a request that splits as they are.
type freshRequest struct{ metadata.Request }

// Split returns the one Metadata request. It never lets the broker create a topic.
func (r *freshRequest) Split(protocol.Cluster) ([]protocol.Message, protocol.Merger, error) {
	return []protocol.Message{&r.Request}, r, nil
}

// Merge returns the answer to the one request.
func (r *freshRequest) Merge(_ []protocol.Message, results []any) (protocol.Message, error) {
	switch res := results[0].(type) {
	case *metadata.Response:
		return &freshResponse{res}, nil
	case error:
		return nil, res
	}
	return nil, errors.New("the broker gave no answer")
}

type freshResponse struct{ *metadata.Response }

// Cluster is what a broker tells about the cluster.
type Cluster struct {
	ID     string
	Topics map[string]Topic // those asked for
}

// Topic is what a broker tells about a topic.
type Topic struct {
	Name       string
	Partitions []Partition // by number, from 0
	Allowed    Operations  // what we may do with it, if it exists and the broker tells
	Err        error       // a kafka.Error: unknown, denied; nil if the topic can be used
}

// Partition is what a broker tells about a partition.
type Partition struct {
	Leader   int32 // a broker's id; -1 while there is none
	Replicas int
}

// Describe asks a broker, and never a cache, about the cluster and the topics named. A topic that is missing or
// denied is told in its Err.
func (c *Conn) Describe(ctx context.Context, topics ...string) (Cluster, error) {
	if topics == nil {
		topics = []string{}
	}
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	m, err := c.Transport.RoundTrip(ctx, c.Addr, &freshRequest{metadata.Request{TopicNames: topics, IncludeTopicAuthorizedOperations: true}})
	if err != nil {
		return Cluster{}, fmt.Errorf("ask for metadata: %w", err)
	}
	res, ok := m.(*freshResponse)
	if !ok {
		return Cluster{}, fmt.Errorf("ask for metadata: unexpected answer %T", m)
	}
	out := Cluster{ID: res.ClusterID, Topics: make(map[string]Topic, len(res.Topics))}
	for _, t := range res.Topics {
		out.Topics[t.Name] = topicOf(t)
	}
	for _, name := range topics {
		if _, ok := out.Topics[name]; !ok {
			out.Topics[name] = Topic{Name: name, Err: kafka.UnknownTopicOrPartition}
		}
	}
	return out, nil
}

func topicOf(t metadata.ResponseTopic) Topic {
	topic := Topic{Name: t.Name, Allowed: Operations(t.TopicAuthorizedOperations)}
	if t.ErrorCode != 0 {
		topic.Err = kafka.Error(t.ErrorCode)
		return topic
	}
	topic.Partitions = make([]Partition, len(t.Partitions))
	for i := range topic.Partitions {
		topic.Partitions[i].Leader = -1
	}
	for _, p := range t.Partitions {
		if p.PartitionIndex >= 0 && int(p.PartitionIndex) < len(topic.Partitions) {
			topic.Partitions[p.PartitionIndex] = Partition{Leader: p.LeaderID, Replicas: len(p.ReplicaNodes)}
		}
	}
	return topic
}

// ClusterID returns the cluster's id, the same for all its brokers for all time. It is the cheapest question that
// proves that address, TLS and SASL are right.
func (c *Conn) ClusterID(ctx context.Context) (string, error) {
	cluster, err := c.Describe(ctx)
	return cluster.ID, err
}
