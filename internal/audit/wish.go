package audit

import (
	"slices"
	"time"
)

// Wish is what operators want of a stream. Anyone may write it, the last writer wins; the stream's owner reads it
// before every poll and obeys. It is no part of the checkpoint: a Reset leaves it alone, a Redis that forgets
// everything forgets it too. The zero value asks for nothing: the stream runs.
type Wish struct {
	State     DesiredState   `json:"state,omitempty"` // empty: nobody asked for any
	Since     time.Time      `json:"since,omitzero"`
	By        string         `json:"by,omitempty"`      // who asked for the state, as the command claims
	Command   string         `json:"command,omitempty"` // id of the command that asked for the state
	Earlier   []string       `json:"earlier,omitempty"` // ids of commands that asked for one before, the oldest first
	Watermark *WatermarkWish `json:"watermark,omitempty"`
	Backfills []Backfill     `json:"backfills,omitempty"` // in the order in which they were asked for
	Outages   []Outage       `json:"outages,omitempty"`   // from the oldest to the newest; the owner takes out what its checkpoint tells
}

// maxEarlier is how many earlier commands a wish remembers.
const maxEarlier = 20

// Ask notes the state that a command asks for. Since and By are the caller's to fill in.
func (w *Wish) Ask(state DesiredState, command string) {
	if w.Command != "" {
		w.Earlier = append(w.Earlier, w.Command)
		w.Earlier = w.Earlier[max(0, len(w.Earlier)-maxEarlier):]
	}
	w.State, w.Command = state, command
}

// Asked reports whether a command has asked for a state already. Of many commands since then, it is forgotten.
func (w Wish) Asked(command string) bool {
	return command != "" && (w.Command == command || slices.Contains(w.Earlier, command))
}

// Stopped notes that a command stopped the subscription itself, in whole seconds.
func (w *Wish) Stopped(at time.Time) {
	if !w.open() {
		w.Outages = append(w.Outages, Outage{From: at.UTC().Truncate(time.Second)})
	}
}

// Started notes that the subscription is on again, in whole seconds, after an outage that is noted or began at off; a
// zero off knows of none.
func (w *Wish) Started(at, off time.Time) {
	if !w.open() {
		off = off.UTC().Truncate(time.Second)
		if off.Unix() <= 0 || slices.ContainsFunc(w.Outages, func(o Outage) bool { return o.To.After(off) }) {
			return
		}
		w.Outages = append(w.Outages, Outage{From: off})
	}
	last := &w.Outages[len(w.Outages)-1]
	last.To = at.UTC().Truncate(time.Second)
	if !last.To.After(last.From) {
		last.To = last.From.Add(time.Second)
	}
}

func (w *Wish) open() bool {
	n := len(w.Outages)
	return n > 0 && w.Outages[n-1].To.IsZero()
}

// Outage is a span without a subscription that commands caused while the stream's owner did not see it. One without an
// end (To is zero) lasts.
type Outage struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to,omitzero"`
}

// Backfill returns the back-fill with this id.
func (w Wish) Backfill(id string) (Backfill, bool) {
	i := slices.IndexFunc(w.Backfills, func(b Backfill) bool { return b.ID == id })
	if i < 0 {
		return Backfill{}, false
	}
	return w.Backfills[i], true
}

// Waiting returns the back-fills that were asked for and of which the owner remembers nothing yet, as progress.
func (w Wish) Waiting(known []BackfillProgress) (out []BackfillProgress) {
	for _, b := range w.Backfills {
		begun := slices.ContainsFunc(known, func(p BackfillProgress) bool { return p.ID == b.ID })
		if !begun && !b.Cancelled {
			out = append(out, BackfillProgress{ID: b.ID, Next: b.From, State: BackfillAsked})
		}
	}
	return out
}

// WatermarkWish asks for another watermark. The owner obeys while the stream is paused, once: it remembers the command
// as Checkpoint.Moved and takes it out of the wish. Whoever has the stream go on takes it out, too.
type WatermarkWish struct {
	To      time.Time `json:"to,omitzero"`       // the new watermark
	Reset   bool      `json:"reset,omitempty"`   // forget what was delivered, too; a zero To is then the first fetch
	Command string    `json:"command,omitempty"` // id of the command that asked
	Until   time.Time `json:"until,omitzero"`    // it is not obeyed later than that; zero: at any time
}

// BackfillMode says what a back-fill publishes.
type BackfillMode string

// The modes.
const (
	BackfillMissing   BackfillMode = "missing"   // what the ledger lacks
	BackfillRepublish BackfillMode = "republish" // everything, for a receiver that lost its index
)

// Backfill asks for a stretch of the past to be read beside the live windows. It never moves the watermark.
type Backfill struct {
	ID        string          `json:"id"`
	From      time.Time       `json:"from"` // contentCreated, inclusive
	To        time.Time       `json:"to"`   // exclusive
	Mode      BackfillMode    `json:"mode"`
	Topic     string          `json:"topic,omitempty"` // empty: the stream's own
	Filters   BackfillFilters `json:"filters,omitzero"`
	Asked     time.Time       `json:"asked"`
	By        string          `json:"by,omitempty"` // who asked, as the command claims
	Cancelled bool            `json:"cancelled,omitempty"`
	Redrive   *RedriveFilter  `json:"redrive,omitempty"` // in mode redrive: which dead letters; From and To are empty
}

// BackfillFilters narrow a back-fill. An empty list lets everything through.
type BackfillFilters struct {
	RecordTypes []string `json:"record_types,omitempty"`
	Workloads   []string `json:"workloads,omitempty"`
	Operations  []string `json:"operations,omitempty"`
}

// BackfillState is how far a back-fill has come.
type BackfillState string

// The states of a back-fill; all but the first two are final.
const (
	BackfillAsked     BackfillState = "asked" // of a wish: the owner has not begun, and remembers nothing of it
	BackfillRunning   BackfillState = "running"
	BackfillDone      BackfillState = "done"
	BackfillCancelled BackfillState = "cancelled"
	BackfillFailed    BackfillState = "failed"
)

// BackfillProgress is what the owner remembers of a back-fill, in the checkpoint.
type BackfillProgress struct {
	ID       string        `json:"id"`
	Next     time.Time     `json:"next"` // everything created before it is done
	Blobs    int64         `json:"blobs"`
	Records  int64         `json:"records"`
	Requests int64         `json:"requests"`
	State    BackfillState `json:"state"`
	Error    string        `json:"error,omitempty"` // why it failed, or what could not be read
	Started  time.Time     `json:"started,omitzero"`
	Ended    time.Time     `json:"ended,omitzero"`

	Redrive *RedriveProgress `json:"redrive,omitempty"` // of a redrive
}
