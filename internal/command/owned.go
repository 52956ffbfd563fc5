package command

import (
	"context"
	"slices"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/checkpoint"
	"o365-kafka-connector/internal/control"
)

// States of a stream of which nothing was heard.
const (
	starting  audit.State = "starting"      // it has an owner
	uncertain audit.State = "owner unknown" // nobody can tell whether it has one
)

func silent(s audit.State) bool { return s == starting || s == uncertain }

// regroup is how long a group is given that is sharing out its streams.
const regroup = 10 * time.Second

// status is what the stream's owner reports, or that there is none, or that nobody can tell.
func (c *call) status(ctx context.Context, store checkpoint.Operator) (audit.StreamStatus, error) {
	all, err := store.Statuses(ctx, []audit.Stream{c.stream()})
	if err != nil {
		return audit.StreamStatus{}, err
	}
	status := all[0]
	if status.State == audit.StateUnowned {
		status.State = c.owner(ctx)
	}
	return status, nil
}

// owner tells whether the group has an owner for the stream: unowned, starting or uncertain. Between two owners, and before
// the first word of one, the stream itself says that it has none.
func (c *call) owner(ctx context.Context) audit.State {
	if c.options.Owned != nil && c.options.Owned(c.stream()) {
		return starting
	}
	if c.options.Members == nil {
		return audit.StateUnowned
	}
	found := false
	shared, err := await(ctx, regroup, func() (bool, error) {
		members, err := c.options.Members(ctx)
		found = slices.ContainsFunc(members, func(m control.Member) bool { return slices.Contains(m.Streams, c.stream().Key()) })
		return found || !slices.ContainsFunc(members, func(m control.Member) bool { return m.Since.IsZero() }), err
	})
	switch {
	case err != nil || !shared:
		return uncertain
	case found:
		return starting
	}
	return audit.StateUnowned
}
