package main

import (
	"time"

	"o365-kafka-connector/internal/emulator"
)

// mischief is the mix of faults of --faults: what the real service is known to do, much more often than it does.
func mischief() []emulator.Fault {
	return []emulator.Fault{
		{Kind: emulator.PageSize, Count: 7},
		{Kind: emulator.EmptyPage, Probability: 0.1},
		{Kind: emulator.TokenLifetime, Delay: 20 * time.Second},
		{Kind: emulator.Throttle, Probability: 0.01, Burst: 3},
		{Kind: emulator.Throttle, Probability: 0.01, Burst: 3, Status: 429, RetryAfter: time.Second},
		{Kind: emulator.ServerError, Probability: 0.02, Burst: 3},
		{Kind: emulator.ServerError, Probability: 0.01, Status: 503},
		{Kind: emulator.HTML, Probability: 0.01},
		{Kind: emulator.Cut, Probability: 0.03},
		{Kind: emulator.NotJSON, Probability: 0.01},
		{Kind: emulator.SlowBody, Probability: 0.02, Bytes: 32 << 10},
		{Kind: emulator.Late, Probability: 0.1, Delay: 3 * time.Second},
		{Kind: emulator.SameMillisecond, Count: 3},
		{Kind: emulator.DuplicateRecord, Probability: 0.1},
		{Kind: emulator.RepeatRecord, Probability: 0.1},
		{Kind: emulator.ListedTwice, Probability: 0.1, Delay: 5 * time.Second},
		{Kind: emulator.WrongURI, Probability: 0.1},
		{Kind: emulator.BadRecord, Probability: 0.05},
		{Kind: emulator.Gzip, Probability: 0.3},
	}
}
