package model

// variants leave out one rule of the protocol each.
var variants = []struct {
	name  string
	rules rules
}{
	{"Redis before Kafka", rules{redisFirst: true}},
	{"no replay when a stream is taken", rules{noReplay: true}},
	{"the offset is not part of the transaction", rules{offsetOutside: true}},
	{"N is asked for before the former owner is fenced", rules{offsetBeforeFence: true}},
	{"a missing offset is taken for 0", rules{offsetFromZero: true}},
	{"a missing offset: the last entry counts", rules{highestCounts: true}},
	{"the producer is not initialized", rules{noFence: true}},
	{"an entry of any number is applied", rules{applyAny: true}},
	{"the ledger is asked without a guard", rules{askUnguarded: true}},
	{"the ledger is not asked", rules{noQuestion: true}},
	{"existence and epoch are all that is compared", rules{epochOnly: true}},
	{"only one key carries N", rules{oneMark: true}},
	{"the highest epoch of each number counts", rules{highestEpoch: true, countedEpochs: true}},
	{"the first entry of each number counts", rules{firstOfEach: true}},
	{"entries above N count", rules{aboveN: true}},
	{"only committed messages are read", rules{readCommitted: true}},
	{"the journal's end is asked of a broker that lags", rules{staleEnd: true}},
	{"the position is the journal's end", rules{positionAtEnd: true}},
	{"the position is trusted", rules{trustPosition: true}},
	{"a hole is taken for a long rest", rules{holeIsEmpty: true}},
	{"a rebuilt checkpoint keeps watermark and pending blobs", rules{keepOnRebuild: true}},
	{"sequences are used again after an abort", rules{reuseSequences: true}},
	{"abort and go on with the same number", rules{abortAndGoOn: true}},
	{"an unanswered commit is done again", rules{commitAnew: true}},
	{"an unanswered request does not cost an epoch", rules{keepEpoch: true}},
	{"the watermark advances before the blobs are done", rules{advanceEarly: true}},
	{"the watermark advances at any N", rules{advanceAnyN: true}},
	{"no snapshots", rules{noSnapshot: true}},

	{"at least once: a take writes nothing to the journal", rules{atLeastOnce: true, noOpening: true}},
	{"at least once: entries of any epoch count", rules{atLeastOnce: true, anyEpoch: true}},
	{"at least once: the last take in the log has the journal, whatever its epoch", rules{atLeastOnce: true, lateTakes: true}},
	{"at least once: the entry before the events", rules{atLeastOnce: true, entryFirst: true}},
	{"at least once: Redis at any number", rules{atLeastOnce: true, applyAny: true}},
	{"at least once: the watermark advances before the blobs are done", rules{atLeastOnce: true, advanceEarly: true}},
}
