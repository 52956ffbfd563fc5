package audit

import (
	"errors"
	"time"
)

// What a checkpoint answers when the run that asks must end.
var (
	// ErrFenced means that somebody else took the stream.
	ErrFenced = errors.New("stream was taken by another owner")
	// ErrLost means that what is stored is not what the run stands at: emptied, rolled back, or a key is missing.
	ErrLost = errors.New("checkpoint was lost or rolled back")
)

// Checkpoint is what is remembered of a stream, without the ledger, which is only ever asked about single blobs.
type Checkpoint struct {
	N          int64     // number of the last entry applied; 0 after a reset
	Epoch      int64     // fencing number of the stream's owner
	Position   int64     // where the journal goes on after entry N; -1 without a journal
	FirstStart time.Time // where the stream's very first window started; no sweep goes behind it
	Progress   Progress
	Pending    []Pending
	Gaps       []Gap
	Desired    Desired
	Moved      string             // id of the command that moved the watermark last
	Backfills  []BackfillProgress // by the time of their start; those that ended are kept for 30 days
}

// Progress is what moves without an entry: losing it costs listings, never records.
type Progress struct {
	Watermark      time.Time // every blob created before it was listed and is done, pending or dead-lettered
	Swept          time.Time // when the last sweep ended
	SweptFully     time.Time // when the last sweep over all 7 days ended
	SubscribeTried time.Time // when the subscription was last started by us
}

// Pending is a blob that was listed but not done after a failure, and is tried again beside the windows.
type Pending struct {
	Blob        Blob
	Cause       Cause
	Error       string // the last error's text
	Attempts    int
	Same        int    // how often in a row the answer was the same
	SHA256      string // of the last complete malformed body; empty for other causes
	FirstFailed time.Time
	LastFailed  time.Time
	NextTry     time.Time
}

// Gap is a stretch of contentCreated that was never read and never will be. One without an end (To is zero) is open: it
// is replaced by the next gap of the same cause that starts at the same time.
type Gap struct {
	From, To time.Time
	Cause    Cause
	Count    int // blobs known to be lost; 0 if nobody can know
	Noted    time.Time
}

// DesiredState is what an operator wants a stream to do.
type DesiredState string

// The desired states.
const (
	Running DesiredState = "running"
	Paused  DesiredState = "paused"
	Stopped DesiredState = "stopped"
)

// Desired is the state that the stream's owner obeys, remembered over restarts. What operators ask for is a Wish; it
// becomes Desired when the owner has done what belongs to it. The zero value means Running.
type Desired struct {
	State DesiredState
	Since time.Time
}

// Entry is one change of a checkpoint: what it says is applied as a whole or not at all.
type Entry struct {
	N         int64 // one more than the entry before
	Epoch     int64
	Time      time.Time
	Done      []Hash    // blobs published, or lost for good and dead-lettered
	Pending   []Pending // blobs that became pending, or failed again
	Resolved  []Hash    // blobs that are no longer pending
	Gaps      []Gap
	Desired   *Desired
	Watermark *WatermarkMove
	Backfills []BackfillProgress // each takes the place of the one with its id
}

// WatermarkMove sets the watermark, also back, and keeps the ledger. A watermark before the stream's first start moves
// that too.
type WatermarkMove struct {
	To      time.Time
	Command string // id of the command that asked, remembered as Checkpoint.Moved
}

// Empty reports whether the entry would change nothing.
func (e Entry) Empty() bool {
	return len(e.Done)+len(e.Pending)+len(e.Resolved)+len(e.Gaps)+len(e.Backfills) == 0 &&
		e.Desired == nil && e.Watermark == nil
}
