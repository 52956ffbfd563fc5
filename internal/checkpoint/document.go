package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"o365-kafka-connector/internal/audit"
)

// pendingDocument is a pending blob as it is stored.
type pendingDocument struct {
	ID          string      `json:"id"`
	URI         string      `json:"uri"`
	Created     time.Time   `json:"created"`
	Listed      string      `json:"listed,omitempty"`
	Expires     time.Time   `json:"expires,omitzero"`
	Cause       audit.Cause `json:"cause"`
	Error       string      `json:"error,omitempty"`
	Attempts    int         `json:"attempts"`
	Same        int         `json:"same,omitempty"`
	SHA256      string      `json:"sha256,omitempty"`
	SameSince   time.Time   `json:"same_since,omitzero"`
	FirstFailed time.Time   `json:"first_failed"`
	LastFailed  time.Time   `json:"last_failed"`
	NextTry     time.Time   `json:"next_try"`
}

func storePending(p audit.Pending) pendingDocument {
	return pendingDocument{
		ID: p.Blob.ID, URI: p.Blob.URI, Created: p.Blob.Created.UTC(), Listed: p.Blob.Listed,
		Expires: p.Blob.Expires.UTC(), Cause: p.Cause, Error: p.Error, Attempts: p.Attempts, Same: p.Same,
		SHA256: p.SHA256, SameSince: p.SameSince.UTC(), FirstFailed: p.FirstFailed.UTC(), LastFailed: p.LastFailed.UTC(), NextTry: p.NextTry.UTC(),
	}
}

func (d pendingDocument) pending() audit.Pending {
	return audit.Pending{
		Blob:  audit.Blob{ID: d.ID, URI: d.URI, Created: d.Created, Listed: d.Listed, Expires: d.Expires},
		Cause: d.Cause, Error: d.Error, Attempts: d.Attempts, Same: d.Same, SHA256: d.SHA256,
		SameSince: d.SameSince, FirstFailed: d.FirstFailed, LastFailed: d.LastFailed, NextTry: d.NextTry,
	}
}

// gapDocument is a gap as it is stored.
type gapDocument struct {
	From  time.Time   `json:"from"`
	To    time.Time   `json:"to"`
	Cause audit.Cause `json:"cause"`
	Count int         `json:"count,omitempty"`
	Noted time.Time   `json:"noted"`
}

func storeGap(g audit.Gap) gapDocument {
	return gapDocument{From: g.From.UTC(), To: g.To.UTC(), Cause: g.Cause, Count: g.Count, Noted: g.Noted.UTC()}
}

func (d gapDocument) gap() audit.Gap {
	return audit.Gap{From: d.From, To: d.To, Cause: d.Cause, Count: d.Count, Noted: d.Noted}
}

// desiredDocument is the state that is obeyed, as the file store keeps it.
type desiredDocument struct {
	State audit.DesiredState `json:"state"`
	Since time.Time          `json:"since,omitzero"`
}

// entryDocument is everything of an entry but its epoch, which says nothing about the content, and the position that
// it was applied with. Its progress is there in a replay only. Its times are in microseconds since 1970.
type entryDocument struct {
	N        int64             `json:"n"`
	Position int64             `json:"position"`
	At       int64             `json:"at"`
	Done     []audit.Hash      `json:"done,omitempty"`
	Pending  []pendingDocument `json:"pending,omitempty"`
	Resolved []audit.Hash      `json:"resolved,omitempty"`
	Gaps     []gapDocument     `json:"gaps,omitempty"`
	Desired  *desiredDocument  `json:"desired,omitempty"`
	Moved    *moveDocument     `json:"moved,omitempty"`

	Backfills []audit.BackfillProgress `json:"backfills,omitempty"`

	Progress *progressDocument `json:"progress,omitempty"`
	Snapshot *snapshotDocument `json:"snapshot,omitempty"`
	Forget   bool              `json:"forget,omitempty"`
}

// listsDocument holds what an entry changes, and a snapshot replaces, element by element.
type listsDocument struct {
	Pending   []pendingDocument        `json:"pending,omitempty"`
	Gaps      []gapDocument            `json:"gaps,omitempty"`
	Backfills []audit.BackfillProgress `json:"backfills,omitempty"`
}

// lists returns the entry's own.
func (d entryDocument) lists() listsDocument {
	return listsDocument{Pending: d.Pending, Gaps: d.Gaps, Backfills: d.Backfills}
}

func storeLists(pending []audit.Pending, gaps []audit.Gap, fills []audit.BackfillProgress) (d listsDocument) {
	for _, p := range pending {
		d.Pending = append(d.Pending, storePending(p))
	}
	for _, g := range gaps {
		d.Gaps = append(d.Gaps, storeGap(g))
	}
	for _, b := range fills {
		d.Backfills = append(d.Backfills, storeBackfill(b))
	}
	return d
}

// snapshotDocument is everything of a checkpoint but ledger and progress.
type snapshotDocument struct {
	listsDocument

	FirstStart int64           `json:"first_start"`
	Desired    desiredDocument `json:"desired"`
	Moved      string          `json:"moved,omitempty"`
}

// moveDocument is another watermark, in microseconds since 1970.
type moveDocument struct {
	To      int64  `json:"to"`
	Command string `json:"command"`
}

func storeEntry(e audit.Entry, position int64) entryDocument {
	d := entryDocument{N: e.N, Position: position, At: micros(e.Time), Done: e.Done, Resolved: e.Resolved, Forget: e.Forget}
	lists := storeLists(e.Pending, e.Gaps, e.Backfills)
	d.Pending, d.Gaps, d.Backfills = lists.Pending, lists.Gaps, lists.Backfills
	if e.Desired != nil {
		d.Desired = &desiredDocument{State: e.Desired.State, Since: e.Desired.Since.UTC()}
	}
	if e.Watermark != nil {
		d.Moved = &moveDocument{To: micros(e.Watermark.To), Command: e.Watermark.Command}
	}
	if s := e.Snapshot; s != nil {
		d.Snapshot = &snapshotDocument{
			listsDocument: storeLists(s.Pending, s.Gaps, s.Backfills), FirstStart: micros(s.FirstStart),
			Desired: desiredDocument{State: s.Desired.State, Since: s.Desired.Since.UTC()}, Moved: s.Moved,
		}
	}
	return d
}

// storeLogged is storeEntry for a replay.
func storeLogged(l audit.Logged) entryDocument {
	d := storeEntry(l.Entry, l.Position)
	d.Progress = storeProgress(l.Entry.Progress)
	return d
}

// hash is that of the entry as JSON: the store knows a repeated call by it.
func (d entryDocument) hash() (string, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return "", fmt.Errorf("encode checkpoint entry %d: %w", d.N, err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16]), nil
}

// checkEntry refuses what cannot be stored: it is a bug of the caller.
func checkEntry(e audit.Entry) error {
	if e.N < 1 {
		return fmt.Errorf("apply checkpoint entry: N is %d, the first entry is number 1", e.N)
	}
	if e.Time.Unix() <= 0 {
		return fmt.Errorf("apply checkpoint entry %d: it has no time", e.N)
	}
	if e.Watermark != nil && e.Watermark.To.Unix() <= 0 {
		return fmt.Errorf("apply checkpoint entry %d: it moves the watermark to no time", e.N)
	}
	if e.Forget && e.Watermark == nil {
		return fmt.Errorf("apply checkpoint entry %d: it forgets and moves no watermark", e.N)
	}
	return nil
}

// micros writes a time as microseconds since 1970, the zero time as 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// fromMicros reads what micros writes.
func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
