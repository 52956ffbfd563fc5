package audit

import (
	"errors"
	"time"
)

// ErrBeyondEnd means that a position lies behind the end of the journal: the journal was made again, or another one is
// meant.
var ErrBeyondEnd = errors.New("the position lies beyond the end of the journal")

// Snapshot is everything that entries have made of a checkpoint but its ledger: deltas expire with the journal's
// retention, what they add up to must not.
type Snapshot struct {
	FirstStart time.Time
	Pending    []Pending
	Gaps       []Gap
	Desired    Desired
	Moved      string
	Backfills  []BackfillProgress
}

// Standing is what a sink that keeps a journal knows of a stream, as it was opened.
type Standing struct {
	N     int64  // number of the last entry that is committed, -1 if that is unknown
	Epoch int64  // that wrote it; 0 if none did
	Token string // of this take, in at-least-once; empty: it writes in transactions
}

// Logged is one message of a stream's journal, in the order of the log. What of it counts is for the reader to find
// out: it may stand in a transaction that was aborted, or come from an owner that had lost the stream.
type Logged struct {
	Entry    Entry
	Position int64  // of the journal after the message
	Token    string // names the take that wrote it without a transaction; empty: written in one
	Opened   bool   // no entry, but the beginning of a take: until one of a higher epoch, entries of other tokens are void
}
