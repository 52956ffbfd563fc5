package pipeline

import "o365-kafka-connector/internal/testbed/race"

// seeds is how many random courses a test takes: fewer under the race detector, which makes each ten times as long. make
// test runs all of them without it, too.
func seeds(n uint64) uint64 {
	if race.Enabled {
		return max(1, n/8)
	}
	return n
}
