// Package model is the delivery protocol as a small state machine, and a randomized test of it. Only tests use it.
//
// # The world
//
// Blobs appear at Microsoft and are gone after seven days. Two streams share one partition of the journal. Several
// processes may own a stream at the same time: each takes it and works on it in straight-line code, but every request
// that it makes is a step of its own (ask), and a step is atomic. Between two steps anything may happen (happenings):
//
//   - the owner dies, or sleeps while others take its stream, and goes on later as if nothing had been
//   - a request is lost, or its answer; or it is still under way when its sender has given up, and arrives at any time
//   - a transaction expires; its markers are written late
//   - Redis is emptied, loses its newest writes, is restored from a dump; a key is lost, or is of another time
//   - the offset N is deleted, old entries of the journal are, days pass
//
// Kafka (kafka.go) has producers with epochs and sequences, transactions, a journal in which aborted entries stay
// visible, and offsets. Redis (redis.go) runs scripts. An owner takes a stream (take.go, fold.go), lists, publishes in
// groups, retries, sweeps and writes snapshots (work.go); at-least-once differs in ordered.go.
//
// # Runs
//
// One goroutine plays a run. Owners are coroutines, and every choice (who goes on, what happens, what is answered) is
// read from a tape of bytes, which a seed makes. Zero is the dullest choice, and what follows the end of the tape is
// zeros: so each run ends in calm, in which fresh owners bring everything to rest, and a tape that fails is shortened
// until nothing can be left out. What remains is told step by step.
//
// # Checks
//
// At each commit: no blob is delivered twice, but those of one transaction for each deletion of N. At rest: every blob
// was delivered; then Redis is emptied, rebuilt, and everything is swept again. Whenever an owner asks the ledger: Redis
// is the fold of the committed entries up to its N. Whenever Redis changes: all that was created before the watermark is
// done or pending. Dead letters count as deliveries; one of an expired blob may come twice, and has an id for that.
//
// # Broken variants
//
// Each of the rules (rules.go) leaves out one part of the protocol. The test must catch every one of them, so that it is
// known to notice.
//
// # What is assumed
//
// No dump of Redis is restored that is older than the journal. After a number was used again, since N had been deleted,
// no single key of Redis comes back from before. In at-least-once former owners are gone before Redis falls back to
// their epoch, and before the journal forgets who followed them. The end of the journal is asked of a leader that knows it.
// Epochs never come twice: none is below Redis's clock.
//
// # What is left out
//
// Blobs that listings show late, watermarks that are set back, back-fills, a change between the two kinds of delivery, a
// script that stops half-way, and what is lost when brokers lose power.
//
// # The connector's own code
//
// Try has a program take streams in the model: the decisions about what counts in the journal, and in which order things
// are done, are then those of the program.
package model
