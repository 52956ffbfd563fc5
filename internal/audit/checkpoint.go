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
	Snapshot   time.Time          // when the last entry with a snapshot was made; zero: there is none
}

// Progress is what moves without an entry: losing it costs listings, never records.
type Progress struct {
	Watermark      time.Time // every blob created before it was listed and is done, pending or dead-lettered
	Swept          time.Time // when the last sweep ended
	SweptFully     time.Time // when the last sweep over all 7 days ended
	SubscribeTried time.Time // when the subscription was last started by us
	// Head is what was read ahead of the watermark, since the stream was far behind: of it, too, every blob was listed
	// and is done, pending or dead-lettered. What lies between the watermark and it is the backlog, and when that is read
	// the watermark moves to its end. Its start is zero if there is none.
	Head Window
}

// Behind reports whether there is a backlog.
func (p Progress) Behind() bool { return !p.Head.Start.IsZero() }

// Backlog returns what lies between the watermark and what was read ahead of it, empty if there is no backlog.
func (p Progress) Backlog() Window {
	if !p.Behind() {
		return Window{}
	}
	return Window{Start: p.Watermark, End: p.Head.Start}
}

// Covered returns the progress after everything of a window was read. What does not follow upon anything that was read
// before changes nothing.
func (p Progress) Covered(w Window) Progress {
	switch {
	case !w.Start.After(p.Watermark):
		p.Watermark = later(p.Watermark, w.End)
	case p.Behind() && !w.Start.Before(p.Head.Start) && !w.Start.After(p.Head.End):
		p.Head.End = later(p.Head.End, w.End)
	}
	if p.Behind() && !p.Watermark.Before(p.Head.Start) {
		p.Watermark, p.Head = later(p.Watermark, p.Head.End), Window{}
	}
	return p
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Pending is a blob that was listed but not done after a failure, and is tried again beside the windows.
type Pending struct {
	Blob        Blob
	Cause       Cause
	Error       string // the last error's text
	Attempts    int
	Same        int       // how often in a row the answer was the same
	SHA256      string    // of the last complete malformed body; empty for other causes
	SameSince   time.Time // when that began; zero, as earlier versions leave it: at FirstFailed
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

// Entry is one change of a checkpoint: what it says is applied as a whole or not at all, the snapshot first.
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
	Snapshot  *Snapshot          // takes the place of everything but the ledger
	Forget    bool               // empties the ledger; the new watermark becomes the stream's first start
	Progress  Progress           // as it stood: where a checkpoint goes on that is rebuilt from entries
}

// WatermarkMove sets the watermark, also back, and keeps the ledger. What was read ahead of the old one is forgotten, as
// progress is. A watermark before the stream's first start moves that too.
type WatermarkMove struct {
	To      time.Time
	Command string // id of the command that asked, remembered as Checkpoint.Moved
}

// Empty reports whether the entry would change nothing.
func (e Entry) Empty() bool {
	return len(e.Done)+len(e.Pending)+len(e.Resolved)+len(e.Gaps)+len(e.Backfills) == 0 &&
		e.Desired == nil && e.Watermark == nil && e.Snapshot == nil && !e.Forget
}
