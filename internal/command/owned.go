package command

import (
	"context"
	"slices"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/checkpoint"
	"o365-kafka-connector/internal/control"
)

// starting is the state of a stream that has an owner from whom nothing was heard yet.
const starting audit.State = "starting"

// regroup is how long a group is given that is sharing out its streams.
const regroup = 10 * time.Second

// status is what the stream's owner reports, or that there is none.
func (c *call) status(ctx context.Context, store checkpoint.Operator) (audit.StreamStatus, error) {
	all, err := store.Statuses(ctx, []audit.Stream{c.stream()})
	if err != nil {
		return audit.StreamStatus{}, err
	}
	status := all[0]
	if status.State == audit.StateUnowned && c.owned(ctx) {
		status.State = starting
	}
	return status, nil
}

// owned reports whether the stream has an owner in the group. Between two owners, and before the first word of one, the
// stream itself says that it has none.
func (c *call) owned(ctx context.Context) bool {
	if c.options.Owned != nil && c.options.Owned(c.stream()) {
		return true
	}
	if c.options.Members == nil {
		return false
	}
	found := false
	_, _ = await(ctx, regroup, func() (bool, error) { // a broker that does not answer knows of no owner
		members, err := c.options.Members(ctx)
		found = slices.ContainsFunc(members, func(m control.Member) bool { return slices.Contains(m.Streams, c.stream().Key()) })
		return found || !slices.ContainsFunc(members, func(m control.Member) bool { return m.Since.IsZero() }), err
	})
	return found
}
