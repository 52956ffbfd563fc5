package daemon

import (
	"os"
	"runtime/debug"

	"o365-kafka-connector/config"
)

// What a process needs besides source.buffer: a base, and for each stream the blobs that its workers cut and the
// batches that its publisher sends.
const (
	memoryBase      = 22 << 20
	memoryPerStream = 2 << 20
)

// LimitMemory sets the garbage collector's limit from the configuration, unless the environment sets GOMEMLIMIT: the
// heap then stays near what the buffer asks for instead of growing to twice of it.
func LimitMemory(c *config.Config) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetMemoryLimit(memoryLimit(c))
}

func memoryLimit(c *config.Config) int64 {
	limit := int64(c.Source.Buffer) + memoryBase
	for _, t := range c.Tenants {
		streams := len(t.Streams())
		if streams == 0 {
			streams = 5 // all there can be
		}
		limit += int64(streams) * memoryPerStream
	}
	return limit
}
