// Package txn produces to Kafka over kafka-go's connections, each record once. It knows record batches, sequences,
// leaders, coordinators and the broker's answers, and nothing of what the records mean.
//
// # Two producers
//
// Producer is idempotent: what it sends again after a lost answer is written once. Transactor is transactional: what
// it writes to any number of partitions becomes visible to readers that read committed records together with an
// offset, or never; and whoever opens a transactional id fences all that had it before. Both encode batches themselves
// (Batch), remember leaders (Topics) and judge a broker's answers by one table.
//
//	tx, err := txn.Open(ctx, conn, topics, txn.TransactionOptions{ID: "a", Group: "a", OffsetOf: journal})
//	n := tx.Committed().N + 1             // what the last owner has done, whatever became of it
//	err = tx.Publish(ctx, batches)        // as often as needed
//	receipt, err := tx.Commit(ctx, last, txn.Offset{N: n, Metadata: "epoch 7"})
//
// An error that is no *RefusedError ends the Transactor. Its caller opens another one and looks at Committed, which
// says whether the transaction in hand counts: an error of Commit alone does not tell. ErrFenced says that this is
// somebody else's business now.
//
// CommittedReader is the other end: it reads a partition as a consumer with isolation.level=read_committed sees it.
//
// # What goes over the wire
//
//	Open     FindCoordinator, InitProducerId (id and epoch -1)   a new epoch: former owners are fenced, their
//	                                                             transactions are completed
//	         FindCoordinator, OffsetFetch (v7, require stable)   N
//	Publish  AddPartitionsToTxn                                  all partitions that are new to the transaction
//	         Produce                                             one request for each leader, one batch for each partition
//	Commit   the same, then AddOffsetsToTxn, TxnOffsetCommit     N of a group without members: generation -1
//	         EndTxn
//	Abort    EndTxn, InitProducerId (own id and epoch)           the next epoch
//
// kafka-go negotiates the first version of this protocol (KIP-98), also with brokers that know the second (KIP-890):
// both kinds serve it. Needed is Kafka 2.5, for epochs that a producer raises itself (KIP-360) and for offsets that
// wait for open transactions (KIP-447); tested are 3.9 and 4.4.
//
// # What is easy to get wrong
//
// Sequences count within an epoch, for each partition, over all its transactions. A sequence of an aborted batch must
// not come again in its epoch: the broker would acknowledge the new batch as a repetition of the old one, and drop it.
//
// A request without an answer may still arrive. Within its transaction that does no harm. In the next one a late
// EndTxn would commit it half-done, and a late TxnOffsetCommit would set N back; so after an unanswered request to a
// coordinator the next transaction has a new epoch. (What brokers before 4.0 do with a late TxnOffsetCommit even
// then is told in docs/decisions.)
//
// EndTxn is answered as soon as the outcome is decided; the markers in the partitions follow. Until they are written
// the coordinator answers CONCURRENT_TRANSACTIONS to the next transaction: that takes milliseconds, is waited for and
// told to nobody.
//
// A broker verifies with the coordinator that a partition belongs to the transaction, one check of a producer at a
// time: two requests of one producer to one broker make each other fail. Hence one request for each leader.
//
// Fenced or too slow look the same: INVALID_PRODUCER_EPOCH from leaders and group coordinators, PRODUCER_FENCED from
// transaction coordinators. To ask the coordinator by InitProducerId would abort a successor's transaction, so nobody
// asks.
package txn
