package model

// rules are what a protocol does otherwise than ours. The zero value is our exactly-once.
type rules struct {
	atLeastOnce bool  // our other protocol
	taker       Taker // takes streams; nil: the model's own
	readersOnly bool  // nothing is checked but what readers of Kafka see

	redisFirst        bool
	noReplay          bool
	believeRedis      bool
	offsetOutside     bool
	offsetBeforeFence bool
	offsetFromZero    bool
	noFence           bool
	applyAny          bool
	askUnguarded      bool
	noQuestion        bool
	epochOnly         bool
	countedEpochs     bool
	noEpoch           bool
	oneMark           bool
	highestEpoch      bool
	firstOfEach       bool
	aboveN            bool
	highestCounts     bool
	readCommitted     bool
	staleEnd          bool
	positionAtEnd     bool
	trustPosition     bool
	holeIsEmpty       bool
	keepOnRebuild     bool
	reuseSequences    bool
	abortAndGoOn      bool
	commitAnew        bool
	keepEpoch         bool
	advanceEarly      bool
	advanceAnyN       bool
	noSnapshot        bool

	noOpening     bool
	believeOffset bool
	anyEpoch      bool
	lateTakes     bool
	entryFirst    bool
}
