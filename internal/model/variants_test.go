package model

// variants leave out one rule of the protocol each.
var variants = []struct {
	name   string
	rules  rules
	mended bool // no record is lost or repeated, as sweeps find it and the ledger knows it
}{
	{"Redis before Kafka", rules{redisFirst: true}, false},
	{"no replay when a stream is taken", rules{noReplay: true}, false},
	{"after the replay Redis is believed whatever its N", rules{believeRedis: true}, false},
	{"the offset is not part of the transaction", rules{offsetOutside: true}, false},
	{"N is asked for before the former owner is fenced", rules{offsetBeforeFence: true}, false},
	{"a missing offset is taken for 0", rules{offsetFromZero: true}, false},
	{"a missing offset: the last entry counts", rules{highestCounts: true}, false},
	{"the producer is not initialized", rules{noFence: true}, false},
	{"an entry of any number is applied", rules{applyAny: true}, false},
	{"the ledger is asked without a guard", rules{askUnguarded: true}, false},
	{"the ledger is not asked", rules{noQuestion: true}, false},
	{"existence and epoch are all that is compared", rules{epochOnly: true}, false},
	{"only one key carries N", rules{oneMark: true}, false},
	{"the highest epoch of each number counts", rules{highestEpoch: true, countedEpochs: true}, false},
	{"the first entry of each number counts", rules{firstOfEach: true}, false},
	{"entries above N count", rules{aboveN: true}, false},
	{"only committed messages are read", rules{readCommitted: true}, false},
	{"the journal's end is asked of a broker that lags", rules{staleEnd: true}, false},
	{"the position is the journal's end", rules{positionAtEnd: true}, false},
	{"the position is trusted", rules{trustPosition: true}, false},
	{"a hole is taken for a long rest", rules{holeIsEmpty: true}, false},
	{"a rebuilt checkpoint keeps watermark and pending blobs", rules{keepOnRebuild: true}, true},
	{"sequences are used again after an abort", rules{reuseSequences: true}, false},
	{"abort and go on with the same number", rules{abortAndGoOn: true}, false},
	{"an unanswered commit is done again", rules{commitAnew: true}, false},
	{"an unanswered request does not cost an epoch", rules{keepEpoch: true}, false},
	{"the watermark advances before the blobs are done", rules{advanceEarly: true}, true},
	{"the watermark advances at any N", rules{advanceAnyN: true}, true},
	{"no snapshots", rules{noSnapshot: true}, true},

	{"at least once: a take writes nothing to the journal", rules{atLeastOnce: true, noOpening: true}, false},
	{"at least once: N is believed, whoever set it", rules{atLeastOnce: true, believeOffset: true}, false},
	{"at least once: entries of any epoch count", rules{atLeastOnce: true, anyEpoch: true}, false},
	{"at least once: the last take in the log has the journal, whatever its epoch", rules{atLeastOnce: true, lateTakes: true}, false},
	{"at least once: the entry before the events", rules{atLeastOnce: true, entryFirst: true}, false},
	{"at least once: Redis at any number", rules{atLeastOnce: true, applyAny: true}, false},
	{"at least once: the watermark advances before the blobs are done", rules{atLeastOnce: true, advanceEarly: true}, true},
}
