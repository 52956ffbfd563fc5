package command

import (
	"context"
	"errors"
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
	m, err := c.memberWith(ctx, c.stream())
	switch {
	case err != nil:
		return uncertain
	case m != nil:
		return starting
	}
	return audit.StateUnowned
}

// memberWith returns the member of the group that is responsible for a stream, nil if none is. While the group shares out
// its streams, nobody knows: it waits for that, for a while.
func (e *Executor) memberWith(ctx context.Context, s audit.Stream) (*control.Member, error) {
	if e.options.Members == nil {
		return nil, nil
	}
	var found *control.Member
	shared, err := await(ctx, regroup, func() (bool, error) {
		members, err := e.options.Members(ctx)
		if i := slices.IndexFunc(members, func(m control.Member) bool { return slices.Contains(m.Streams, s.Key()) }); i >= 0 {
			found = &members[i]
		}
		return found != nil || !slices.ContainsFunc(members, func(m control.Member) bool { return m.Since.IsZero() }), err
	})
	if err == nil && !shared {
		err = errors.New("the group shares out its streams")
	}
	return found, err
}
