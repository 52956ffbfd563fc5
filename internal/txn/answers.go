package txn

import "github.com/segmentio/kafka-go"

// verdict is what a broker's answer means for the request that it answers.
type verdict int

const (
	// unlisted is a code that this table does not know. The idempotent producer tries again and reports it; a
	// transaction ends, as nobody knows what became of it.
	unlisted verdict = iota
	// done: it took effect, now or by an earlier attempt.
	done
	// again: the same request may succeed in a moment, after an election, a restart, the making of a topic.
	again
	// busy: as again, but to be expected after every transaction and over within milliseconds.
	busy
	// lost: the broker's idea of our session, sequences or transaction is not ours. Only a new session helps.
	lost
	// fenced: a newer session of the same transactional id exists, or the coordinator gave our transaction up.
	fenced
	// refused: never the same batch again, but others may pass.
	refused
	// denied: a right is missing, which is not going to change by itself.
	denied
	// unsupported: this broker cannot do it at all.
	unsupported
)

// Codes for which kafka-go has no name, or a wrong one.
const (
	operationNotAttempted kafka.Error = 55  // kafka-go says BrokerAuthorizationFailed
	transactionAbortable  kafka.Error = 120 // KIP-890
)

// verdicts is the table of a broker's answers, for both producers. Where no source is given, it is the description
// of the code in org.apache.kafka.common.protocol.Errors together with its "retriable" in Kafka's protocol guide.
// https://kafka.apache.org/protocol#protocol_error_codes
var verdicts = map[kafka.Error]verdict{
	0:                             done,
	kafka.DuplicateSequenceNumber: done, // KIP-98: older than the batches that the broker remembers, and written

	kafka.UnknownTopicOrPartition:      again, // just made, or about to be
	kafka.LeaderNotAvailable:           again,
	kafka.NotLeaderForPartition:        again,
	kafka.RequestTimedOut:              again, // KIP-98: sequences make repeating safe
	kafka.BrokerNotAvailable:           again, // kafka-go's own: its list of brokers is out of date
	kafka.ReplicaNotAvailable:          again,
	kafka.NetworkException:             again,
	kafka.GroupLoadInProgress:          again, // COORDINATOR_LOAD_IN_PROGRESS, of transactions too
	kafka.GroupCoordinatorNotAvailable: again, // COORDINATOR_NOT_AVAILABLE, of transactions too
	kafka.NotCoordinatorForGroup:       again, // NOT_COORDINATOR, of transactions too
	kafka.NotEnoughReplicas:            again, // also a verification of the transaction that did not come through (KIP-890)
	kafka.NotEnoughReplicasAfterAppend: again,
	kafka.KafkaStorageError:            again,
	kafka.ListenerNotFound:             again,
	kafka.FencedLeaderEpoch:            again,
	kafka.UnknownLeaderEpoch:           again,
	kafka.ThrottlingQuotaExceeded:      again,
	kafka.ConcurrentTransactions:       busy, // KIP-98: the markers of the last transaction are still being written
	kafka.UnstableOffsetCommit:         busy, // KIP-447: the same, told of offsets

	kafka.OutOfOrderSequenceNumber: lost, // KIP-98
	kafka.InvalidTransactionState:  lost, // KIP-98
	kafka.InvalidProducerIDMapping: lost, // KIP-98: the coordinator has forgotten an id that rested for a week
	kafka.UnknownProducerId:        lost, // KIP-360
	transactionAbortable:           lost, // KIP-890

	kafka.InvalidProducerEpoch: fenced, // KIP-98: said by Produce and TxnOffsetCommit
	kafka.ProducerFenced:       fenced, // KIP-588: said by the transaction coordinator

	kafka.MessageSizeTooLarge: refused,
	kafka.RecordListTooLarge:  refused,
	kafka.InvalidRecord:       refused, // KIP-467

	kafka.TopicAuthorizationFailed:           denied,
	kafka.GroupAuthorizationFailed:           denied,
	kafka.ClusterAuthorizationFailed:         denied,
	kafka.TransactionalIDAuthorizationFailed: denied,
	kafka.SASLAuthenticationFailed:           denied,
	kafka.UnsupportedSASLMechanism:           denied,
	kafka.IllegalSASLState:                   denied,

	kafka.UnsupportedVersion:          unsupported,
	kafka.UnsupportedForMessageFormat: unsupported,
}
