// Package txn produces to Kafka over kafka-go's connections, each record once. It knows record batches, sequences,
// leaders, coordinators and the broker's answers, and nothing of what the records mean.
package txn
