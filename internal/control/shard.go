package control

import (
	"strings"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/txn"
)

// Shard returns the partition of the control topic that a stream belongs to: the one that Kafka's own default
// partitioner gives the stream's key, so that a command keyed by its stream reaches the stream's owner.
func Shard(s audit.Stream, partitions int) int { return shardOf(streamKey(s), partitions) }

func shardOf(key string, partitions int) int { return int(txn.PartitionOf([]byte(key), partitions)) }

// streamKey is the key of a stream's commands.
func streamKey(s audit.Stream) string {
	return strings.ToLower(s.Tenant.ID) + "/" + string(s.ContentType)
}
