package audit

import (
	"encoding/json"
	"time"
)

// State is what a stream is doing, as the status page and /api/status tell it.
type State string

// The states.
const (
	StateUnowned      State = "unowned"
	StateWaiting      State = "waiting-for-first-content"
	StateQuiet        State = "quiet"
	StateReading      State = "reading"
	StateCatchingUp   State = "catching-up"
	StateThrottled    State = "throttled"
	StatePaused       State = "paused"
	StateStopped      State = "stopped"
	StateFailing      State = "failing"
	StateNoPermission State = "no-permission"
)

// LastError is the newest error of a stream, with advice.
type LastError struct {
	Time    time.Time `json:"time"`
	Message string    `json:"message"`
	Hint    string    `json:"hint"`
}

// GapStatus is a gap as the status tells it. The end of an open one is null in JSON.
type GapStatus struct {
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	Cause Cause     `json:"cause"`
	Count int       `json:"count"`
}

// MarshalJSON writes a missing end as null, which reads back as the zero time.
func (g GapStatus) MarshalJSON() ([]byte, error) {
	var to *time.Time
	if !g.To.IsZero() {
		to = &g.To
	}
	return json.Marshal(struct {
		From  time.Time  `json:"from"`
		To    *time.Time `json:"to"`
		Cause Cause      `json:"cause"`
		Count int        `json:"count"`
	}{g.From, to, g.Cause, g.Count})
}

// Backlog is what a stream reads beside what happens now, since it was far behind.
type Backlog struct {
	From         time.Time  `json:"from"` // the watermark
	To           time.Time  `json:"to"`
	Hours        float64    `json:"hours"`         // of content
	EstimatedEnd *time.Time `json:"estimated_end"` // nil if nobody can know yet
}

// BacklogOf tells the backlog of a stream, nil if it has none.
func BacklogOf(p Progress) *Backlog {
	w := p.Backlog()
	if w.Empty() {
		return nil
	}
	return &Backlog{From: w.Start, To: w.End, Hours: w.Duration().Hours()}
}

// StreamStatus is one stream in /api/status.
type StreamStatus struct {
	Tenant           string      `json:"tenant"`
	ContentType      ContentType `json:"content_type"`
	State            State       `json:"state"`
	Owner            string      `json:"owner"`
	Since            time.Time   `json:"since"`
	Watermark        time.Time   `json:"watermark"`
	LagSeconds       float64     `json:"lag_seconds"`
	HoursToLoss      float64     `json:"hours_to_loss"`
	BacklogBlobs     int64       `json:"backlog_blobs"`
	PendingBlobs     int         `json:"pending_blobs"`
	RecordsTotal     int64       `json:"records_total"`
	RecordsPerSecond float64     `json:"records_per_second"`
	LastError        *LastError  `json:"last_error"`
	Gaps             []GapStatus `json:"gaps"`
	Backlog          *Backlog    `json:"backlog,omitempty"`

	// Filtered counts the records that filters dropped since the process began, by the rule's key in the configuration.
	Filtered map[string]int64 `json:"filtered,omitempty"`

	TenantName string    `json:"-"`
	LastList   time.Time `json:"-"` // when a listing last succeeded
	LastRecord time.Time `json:"-"` // when a record was last published
}

// StatusMessage is one message on the status topic: what happened to a stream, for a SIEM to alert on.
type StatusMessage struct {
	Stream  Stream
	Kind    string // started, stopped, owned, released, gap, subscription_disabled, credential_expiring, checkpoint_rebuilt, command
	Time    time.Time
	From    time.Time
	To      time.Time
	Cause   Cause
	Count   int
	Message string
}
