package daemon

import (
	"os"
	"runtime/debug"

	"o365-kafka-connector/internal/unit"
)

// besides is what the process needs beside the prepared events: code, connections, stacks, buffers on their way.
const besides = 40 * unit.MiB

// LimitMemory tells the garbage collector how much memory the process is meant to need, given the bytes of prepared
// events that it may hold (source.buffer). A GOMEMLIMIT in the environment wins.
func LimitMemory(buffer unit.Bytes) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(buffer + besides))
	}
}
