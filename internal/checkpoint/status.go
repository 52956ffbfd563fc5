package checkpoint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"o365-kafka-connector/internal/audit"
)

// statusDocument is a status line as it is stored: what /api/status tells, and the times that metrics tell.
type statusDocument struct {
	audit.StreamStatus
	LastList   time.Time `json:"last_list,omitzero"`
	LastRecord time.Time `json:"last_record,omitzero"`
}

func encodeStatus(status audit.StreamStatus) ([]byte, error) {
	text, err := json.Marshal(statusDocument{
		StreamStatus: status, LastList: status.LastList, LastRecord: status.LastRecord,
	})
	if err != nil {
		return nil, fmt.Errorf("encode status: %w", err)
	}
	return text, nil
}

// decodeStatus reads what encodeStatus writes, of the stream that it belongs to.
func decodeStatus(text []byte, s audit.Stream) (audit.StreamStatus, error) {
	var d statusDocument
	if err := json.Unmarshal(text, &d); err != nil {
		return audit.StreamStatus{}, fault(fmt.Errorf("decode status of %s: %w", s, err),
			"another program wrote it: set another checkpoint.key_prefix")
	}
	status := d.StreamStatus
	status.LastList, status.LastRecord = d.LastList, d.LastRecord
	status.Tenant, status.TenantName, status.ContentType = s.Tenant.ID, s.Tenant.Name, s.ContentType
	if status.Gaps == nil {
		status.Gaps = []audit.GapStatus{}
	}
	return status, nil
}

// unowned tells what a checkpoint knows of a stream that nobody reports on.
func unowned(s audit.Stream, c audit.Checkpoint, now time.Time) audit.StreamStatus {
	status := audit.StreamStatus{
		Tenant: s.Tenant.ID, TenantName: s.Tenant.Name, ContentType: s.ContentType, State: audit.StateUnowned,
		Watermark: c.Progress.Watermark, PendingBlobs: len(c.Pending), Gaps: []audit.GapStatus{},
		Backlog: audit.BacklogOf(c.Progress),
	}
	if !status.Watermark.IsZero() {
		lag := max(now.Sub(status.Watermark), 0)
		status.LagSeconds = lag.Seconds()
		status.HoursToLoss = max(audit.MaxAge-lag, 0).Hours()
	}
	for _, g := range c.Gaps {
		status.Gaps = append(status.Gaps, audit.GapStatus{From: g.From, To: g.To, Cause: g.Cause, Count: g.Count})
	}
	return status
}

// lost tells of a stream that nobody reports on, and whose checkpoint is damaged.
func lost(s audit.Stream, err error, now time.Time) audit.StreamStatus {
	status := unowned(s, audit.Checkpoint{}, now)
	status.LastError = &audit.LastError{
		Time: now, Message: err.Error(), Hint: "start the connector: it begins this stream anew; see docs/operations.md",
	}
	return status
}

// statuses collects one status for each stream.
func statuses(streams []audit.Stream, one func(i int) (audit.StreamStatus, error)) ([]audit.StreamStatus, error) {
	out := make([]audit.StreamStatus, 0, len(streams))
	for i := range streams {
		status, err := one(i)
		if err != nil {
			return nil, err
		}
		out = append(out, status)
	}
	return out, nil
}

func peekStatus(ctx context.Context, o Operator, s audit.Stream) (audit.StreamStatus, error) {
	c, _, err := o.Peek(ctx, s)
	now := time.Now().UTC()
	switch {
	case errors.Is(err, audit.ErrLost):
		return lost(s, err, now), nil
	case err != nil:
		return audit.StreamStatus{}, err
	}
	return unowned(s, c, now), nil
}
