package sink

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"o365-kafka-connector/internal/audit"
)

// journalVersion is that of the documents below. A reader takes every version up to its own.
const journalVersion = 1

// maxJournalEntry bounds what is read as an entry.
const maxJournalEntry = 16 << 20

// ErrNewerJournal means that a newer version of the connector wrote to the journal.
var ErrNewerJournal = errors.New("the journal was written by a newer version of the connector: run that version, or one that is newer")

// journalDocument is a message of the journal. What is empty is left out.
type journalDocument struct {
	V         int             `json:"v"`
	N         int64           `json:"n,omitzero"`
	Epoch     int64           `json:"epoch,omitzero"`
	Time      time.Time       `json:"time,omitzero"`
	Token     string          `json:"token,omitzero"`
	Opened    bool            `json:"opened,omitzero"`
	Watermark time.Time       `json:"watermark,omitzero"` // this and the next four: as they stood
	Head      *windowDocument `json:"head,omitzero"`
	Swept     time.Time       `json:"swept,omitzero"`
	SweptAll  time.Time       `json:"swept_fully,omitzero"`
	Tried     time.Time       `json:"subscribe_tried,omitzero"`

	Done      []audit.Hash             `json:"done,omitempty"`
	Pending   []pendingDocument        `json:"pending,omitempty"`
	Resolved  []audit.Hash             `json:"resolved,omitempty"`
	Gaps      []gapDocument            `json:"gaps,omitempty"`
	Desired   *desiredDocument         `json:"desired,omitzero"`
	Moved     *movedDocument           `json:"moved,omitzero"`
	Backfills []audit.BackfillProgress `json:"backfills,omitempty"`
	Snapshot  *snapshotDocument        `json:"snapshot,omitzero"`
	Forget    bool                     `json:"forget,omitzero"`
}

type windowDocument struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

type pendingDocument struct {
	ID       string      `json:"id"`
	URI      string      `json:"uri"`
	Created  time.Time   `json:"created,omitzero"`
	Listed   string      `json:"listed,omitzero"`
	Expires  time.Time   `json:"expires,omitzero"`
	Cause    audit.Cause `json:"cause"`
	Error    string      `json:"error,omitzero"`
	Attempts int         `json:"attempts,omitzero"`
	Same     int         `json:"same,omitzero"`
	SHA256   string      `json:"sha256,omitzero"`
	Since    time.Time   `json:"same_since,omitzero"`
	First    time.Time   `json:"first_failed,omitzero"`
	Last     time.Time   `json:"last_failed,omitzero"`
	Next     time.Time   `json:"next_try,omitzero"`
}

type gapDocument struct {
	From  time.Time   `json:"from"`
	To    time.Time   `json:"to,omitzero"`
	Cause audit.Cause `json:"cause"`
	Count int         `json:"count,omitzero"`
	Noted time.Time   `json:"noted,omitzero"`
}

type desiredDocument struct {
	State audit.DesiredState `json:"state,omitzero"`
	Since time.Time          `json:"since,omitzero"`
}

type movedDocument struct {
	To      time.Time `json:"to"`
	Command string    `json:"command"`
}

type snapshotDocument struct {
	FirstStart time.Time                `json:"first_start,omitzero"`
	Pending    []pendingDocument        `json:"pending,omitempty"`
	Gaps       []gapDocument            `json:"gaps,omitempty"`
	Desired    desiredDocument          `json:"desired,omitzero"`
	Moved      string                   `json:"moved,omitzero"`
	Backfills  []audit.BackfillProgress `json:"backfills,omitempty"`
}

// encodeEntry writes a message of the journal. Position is not part of it.
func encodeEntry(l audit.Logged) []byte {
	e, p := l.Entry, l.Entry.Progress
	d := journalDocument{
		V: journalVersion, N: e.N, Epoch: e.Epoch, Time: moment(e.Time), Token: l.Token, Opened: l.Opened,
		Watermark: moment(p.Watermark), Swept: moment(p.Swept), SweptAll: moment(p.SweptFully), Tried: moment(p.SubscribeTried),
		Done: e.Done, Pending: pendingDocuments(e.Pending), Resolved: e.Resolved, Gaps: gapDocuments(e.Gaps),
		Backfills: e.Backfills, Forget: e.Forget,
	}
	if p.Behind() {
		d.Head = &windowDocument{From: moment(p.Head.Start), To: moment(p.Head.End)}
	}
	if e.Desired != nil {
		d.Desired = &desiredDocument{State: e.Desired.State, Since: moment(e.Desired.Since)}
	}
	if e.Watermark != nil {
		d.Moved = &movedDocument{To: moment(e.Watermark.To), Command: e.Watermark.Command}
	}
	if s := e.Snapshot; s != nil {
		d.Snapshot = &snapshotDocument{
			FirstStart: moment(s.FirstStart), Pending: pendingDocuments(s.Pending), Gaps: gapDocuments(s.Gaps),
			Desired: desiredDocument{State: s.Desired.State, Since: moment(s.Desired.Since)}, Moved: s.Moved, Backfills: s.Backfills,
		}
	}
	value, _ := json.Marshal(d, allowAnyText) // strings cannot fail but for invalid UTF-8, which is allowed
	return value
}

func pendingDocuments(list []audit.Pending) []pendingDocument {
	var out []pendingDocument
	for _, p := range list {
		out = append(out, pendingDocument{
			ID: p.Blob.ID, URI: p.Blob.URI, Created: moment(p.Blob.Created), Listed: p.Blob.Listed, Expires: moment(p.Blob.Expires),
			Cause: p.Cause, Error: p.Error, Attempts: p.Attempts, Same: p.Same, SHA256: p.SHA256,
			Since: moment(p.SameSince), First: moment(p.FirstFailed), Last: moment(p.LastFailed), Next: moment(p.NextTry),
		})
	}
	return out
}

func gapDocuments(list []audit.Gap) []gapDocument {
	var out []gapDocument
	for _, g := range list {
		out = append(out, gapDocument{From: moment(g.From), To: moment(g.To), Cause: g.Cause, Count: g.Count, Noted: moment(g.Noted)})
	}
	return out
}

// moment is a time as documents can tell it: years of four digits, in UTC.
func moment(t time.Time) time.Time {
	t = t.UTC()
	if y := t.Year(); y < 1 || y > 9999 {
		return time.Time{}
	}
	return t
}

// decodeEntry reads what encodeEntry of this version or an older one writes.
func decodeEntry(value []byte) (audit.Logged, error) {
	if len(value) > maxJournalEntry {
		return audit.Logged{}, fmt.Errorf("read journal entry: it has %d bytes", len(value))
	}
	var d journalDocument
	err := json.Unmarshal(value, &d, allowAnyText)
	if err != nil { // a newer version may have given a member another shape
		var version struct {
			V int `json:"v"`
		}
		if json.Unmarshal(value, &version, allowAnyText) == nil {
			d.V = version.V
		}
	}
	switch {
	case d.V > journalVersion:
		return audit.Logged{}, fmt.Errorf("read journal entry of version %d: %w", d.V, ErrNewerJournal)
	case err != nil:
		return audit.Logged{}, fmt.Errorf("read journal entry: %w", err)
	case d.V < 1, !d.Opened && d.N < 1:
		return audit.Logged{}, fmt.Errorf("read journal entry: version %d and number %d cannot be", d.V, d.N)
	case d.Opened && d.Token == "":
		return audit.Logged{}, errors.New("read journal entry: a take without a token")
	}
	return d.logged(), nil
}

func (d journalDocument) logged() audit.Logged {
	e := audit.Entry{
		N: d.N, Epoch: d.Epoch, Time: d.Time, Done: d.Done, Pending: pendingOf(d.Pending), Resolved: d.Resolved, Gaps: gapsOf(d.Gaps),
		Backfills: d.Backfills, Forget: d.Forget,
		Progress: audit.Progress{Watermark: d.Watermark, Swept: d.Swept, SweptFully: d.SweptAll, SubscribeTried: d.Tried},
	}
	if d.Head != nil {
		e.Progress.Head = audit.Window{Start: d.Head.From, End: d.Head.To}
	}
	if d.Desired != nil {
		e.Desired = &audit.Desired{State: d.Desired.State, Since: d.Desired.Since}
	}
	if d.Moved != nil {
		e.Watermark = &audit.WatermarkMove{To: d.Moved.To, Command: d.Moved.Command}
	}
	if s := d.Snapshot; s != nil {
		e.Snapshot = &audit.Snapshot{
			FirstStart: s.FirstStart, Pending: pendingOf(s.Pending), Gaps: gapsOf(s.Gaps),
			Desired: audit.Desired{State: s.Desired.State, Since: s.Desired.Since}, Moved: s.Moved, Backfills: s.Backfills,
		}
	}
	return audit.Logged{Entry: e, Token: d.Token, Opened: d.Opened}
}

func pendingOf(list []pendingDocument) []audit.Pending {
	var out []audit.Pending
	for _, d := range list {
		out = append(out, audit.Pending{
			Blob:  audit.Blob{ID: d.ID, URI: d.URI, Created: d.Created, Listed: d.Listed, Expires: d.Expires},
			Cause: d.Cause, Error: d.Error, Attempts: d.Attempts, Same: d.Same, SHA256: d.SHA256,
			SameSince: d.Since, FirstFailed: d.First, LastFailed: d.Last, NextTry: d.Next,
		})
	}
	return out
}

func gapsOf(list []gapDocument) []audit.Gap {
	var out []audit.Gap
	for _, d := range list {
		out = append(out, audit.Gap{From: d.From, To: d.To, Cause: d.Cause, Count: d.Count, Noted: d.Noted})
	}
	return out
}
