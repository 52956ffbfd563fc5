package emulator

import "time"

// Mix is a mixture of faults from which a correct client loses nothing: bursts of throttling and server errors, cut and
// slow bodies, late and same-millisecond blobs, repeated records, tiny pages and tokens of 20 seconds.
func Mix() []Fault {
	return []Fault{
		{Kind: Throttle, Probability: 0.01, Burst: 3},
		{Kind: Throttle, Probability: 0.01, Burst: 2, Status: 429, RetryAfter: time.Second},
		{Kind: ServerError, Probability: 0.02, Burst: 3},
		{Kind: ServerError, Operation: opBlob, Probability: 0.02, Status: 503, Code: "AF50005"},
		{Kind: ServerError, Operation: opToken, Probability: 0.1, Status: 503},
		{Kind: HTML, Operation: opContent, Probability: 0.01},
		{Kind: Unauthorized, Probability: 0.005},
		{Kind: Cut, Operation: opBlob, Probability: 0.03},
		{Kind: ShortJSON, Operation: opBlob, Probability: 0.01},
		{Kind: NotJSON, Operation: opContent, Probability: 0.01},
		{Kind: SlowBody, Operation: opBlob, Probability: 0.01, Bytes: 100_000},
		{Kind: Gzip, Probability: 0.5},
		{Kind: PageSize, Count: 3},
		{Kind: EmptyPage, Probability: 0.1},
		{Kind: Late, Probability: 0.1, Delay: 3 * time.Second},
		{Kind: SameMillisecond, Probability: 0.2, Count: 2},
		{Kind: DuplicateRecord, Probability: 0.05},
		{Kind: RepeatRecord, Probability: 0.05},
		{Kind: ListedTwice, Probability: 0.05, Delay: 5 * time.Second},
		{Kind: WrongURI, Probability: 0.05},
		{Kind: TokenLifetime, Delay: 20 * time.Second},
	}
}
