package checkpoint

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"o365-kafka-connector/internal/audit"
)

// mark is the field or member that carries N, beside the data of a key.
const mark = "!"

// decodeCheckpoint reads the answer of load.lua: state, pending, gaps and what is obeyed.
func decodeCheckpoint(answer []any) (audit.Checkpoint, error) {
	if len(answer) != 4 {
		return audit.Checkpoint{}, fmt.Errorf("decode checkpoint: %d parts, want 4", len(answer))
	}
	f := fields{values: flat(answer[0])}
	if schema := f.number("schema"); f.err == nil && schema > schemaVersion || schema < 1 {
		return audit.Checkpoint{}, schemaFault(schema)
	}
	c := audit.Checkpoint{
		N: f.number("n"), Epoch: f.number("epoch"), Position: f.number("position"), FirstStart: f.time("first_start"),
		Snapshot: f.optionalTime("snapshot"),
		Progress: audit.Progress{
			Watermark: f.time("watermark"), Swept: f.time("swept"), SweptFully: f.time("swept_fully"),
			SubscribeTried: f.time("subscribe_tried"),
			Head:           audit.Window{Start: f.optionalTime("head_from"), End: f.optionalTime("head_to")},
		},
	}
	obeyed := fields{values: flat(answer[3])}
	c.Desired = audit.Desired{State: audit.DesiredState(obeyed.values["state"]), Since: obeyed.time("since")}
	c.Moved = obeyed.values["moved"]
	if f.err != nil || obeyed.err != nil {
		return audit.Checkpoint{}, fmt.Errorf("%w: %w", audit.ErrLost, firstError(f.err, obeyed.err))
	}
	var err error
	if c.Pending, err = decodePending(flat(answer[1])); err != nil {
		return audit.Checkpoint{}, fmt.Errorf("%w: %w", audit.ErrLost, err)
	}
	if c.Gaps, err = decodeGaps(answer[2]); err != nil {
		return audit.Checkpoint{}, fmt.Errorf("%w: %w", audit.ErrLost, err)
	}
	if c.Backfills, err = decodeBackfills(obeyed.values); err != nil {
		return audit.Checkpoint{}, fmt.Errorf("%w: %w", audit.ErrLost, err)
	}
	return c, nil
}

func decodeBackfills(values map[string]string) ([]audit.BackfillProgress, error) {
	var out []audit.BackfillProgress
	for name, value := range values {
		if !strings.HasPrefix(name, "b:") {
			continue
		}
		p, err := unpackBackfill(value)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	sortBackfills(out)
	return out, nil
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// fields reads the fields of a Redis hash and remembers the first error.
type fields struct {
	values map[string]string
	err    error
}

func (f *fields) number(name string) int64 {
	n, err := strconv.ParseInt(f.values[name], 10, 64)
	if err != nil && f.err == nil {
		f.err = fmt.Errorf("decode checkpoint: field %s: %w", name, err)
	}
	return n
}

// optionalTime reads a field that earlier versions do not write.
func (f *fields) optionalTime(name string) time.Time {
	if f.values[name] == "" {
		return time.Time{}
	}
	return f.time(name)
}

func (f *fields) time(name string) time.Time { return fromMicros(f.number(name)) }

// flat reads the fields and values of a Redis hash, as a script lists them.
func flat(answer any) map[string]string {
	list, _ := answer.([]any)
	out := make(map[string]string, len(list)/2)
	for i := 0; i+1 < len(list); i += 2 {
		out[text(list, i)] = text(list, i+1)
	}
	return out
}

func decodePending(values map[string]string) ([]audit.Pending, error) {
	var out []audit.Pending
	for name, document := range values {
		if name == mark {
			continue
		}
		var d pendingDocument
		if err := json.Unmarshal([]byte(document), &d); err != nil {
			return nil, fmt.Errorf("decode pending blob: %w", err)
		}
		out = append(out, d.pending())
	}
	sortPending(out)
	return out, nil
}

// sortPending puts what is due first to the front.
func sortPending(list []audit.Pending) {
	slices.SortFunc(list, func(a, b audit.Pending) int {
		if c := a.NextTry.Compare(b.NextTry); c != 0 {
			return c
		}
		if a.Blob.ID < b.Blob.ID {
			return -1
		}
		return 1
	})
}

func decodeGaps(answer any) ([]audit.Gap, error) {
	var out []audit.Gap
	list, _ := answer.([]any)
	for i := range list {
		member := text(list, i)
		if member == mark {
			continue
		}
		var d gapDocument
		if err := json.Unmarshal([]byte(member), &d); err != nil {
			return nil, fmt.Errorf("decode gap: %w", err)
		}
		out = append(out, d.gap())
	}
	return out, nil
}
