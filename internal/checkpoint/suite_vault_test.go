package checkpoint

import (
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
)

// vault is a kind of store under test, with the means to damage what it keeps.
type vault struct {
	slow bool                     // it is no real store, and takes seconds for what takes that one milliseconds
	open func(t *testing.T) Store // a new store on the same data
	wipe func(t *testing.T)       // all data is gone
	save func(t *testing.T) func()
	pass func(t *testing.T, d time.Duration) // lets time go by
	// keys of a stream that can be lost alone, and how to lose one
	parts []string
	drop  func(t *testing.T, s audit.Stream, part string)
	// keep copies one of these keys and returns a function that puts the copy back
	keep func(t *testing.T, s audit.Stream, part string) func()
}
