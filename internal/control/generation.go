package control

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/audit"
)

const (
	minRest = time.Second // before a stream that ended by itself is run again; doubled up to maxRest
	maxRest = time.Minute
)

// generation is one round of membership: fixed partitions, until somebody joins or leaves.
type generation struct {
	*Group
	kafka      *kafka.Generation
	membership Membership // guarded by Group.mu
	progress   map[int]*progress
	lanes      lanes
	dirty      chan struct{}  // some progress can be committed
	work       sync.WaitGroup // streams and commands
}

// serve lives as long as the generation: returning earlier would end it.
func (g *Group) serve(ctx context.Context, k *kafka.Generation) {
	n := &generation{
		Group: g, kafka: k, progress: map[int]*progress{}, dirty: make(chan struct{}, 1),
		membership: Membership{Instance: g.options.Instance, MemberID: k.MemberID, Generation: k.ID, Since: time.Now().UTC()},
	}
	assigned := k.Assignments[g.config.Topic]
	for _, a := range assigned {
		n.membership.Partitions = append(n.membership.Partitions, a.ID)
		n.progress[a.ID] = &progress{next: a.Offset, committed: a.Offset}
	}
	slices.Sort(n.membership.Partitions)
	g.enter(n)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, a := range assigned {
		n.work.Go(func() { n.read(ctx, a) })
	}
	n.work.Go(func() { n.commitAll(ctx) })
	g.work.Go(func() { n.watch(ctx) })
	n.runStreams(ctx)
	cancel()
	g.leave()
	if !n.drained() {
		g.log.Warn("streams or commands did not end in time: another member may have them already", "drain", g.config.Drain().String())
	}
	// Until the member joins anew, the broker still takes its offsets.
	n.commit()
}

func (g *Group) enter(n *generation) {
	g.mu.Lock()
	g.current, g.problem = n, nil
	g.held, g.heldIn, g.heldAs = n.membership.Partitions, n.kafka.ID, n.kafka.MemberID
	g.mu.Unlock()
	g.log.Info("partitions assigned", "group", g.config.GroupID, "generation", n.kafka.ID, "member", n.kafka.MemberID,
		"partitions", n.membership.Partitions)
	g.options.Joined()
}

func (g *Group) leave() {
	g.mu.Lock()
	g.current, g.problem = nil, errNotJoined
	g.mu.Unlock()
}

// drained waits for streams and commands as long as the membership allows.
func (n *generation) drained() bool {
	done := make(chan struct{})
	n.Group.work.Go(func() {
		n.work.Wait()
		close(done)
	})
	timer := time.NewTimer(n.config.Drain())
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// runStreams runs the streams of the assigned partitions, also those that are configured later. It returns when the
// generation ends, or has to end because the group does not know yet what this member is configured for.
func (n *generation) runStreams(ctx context.Context) {
	started := map[string]bool{}
	again := time.NewTimer(settle)
	defer again.Stop()
	for {
		for _, s := range n.options.Streams() {
			if started[s.Key()] || !n.holds(s) {
				continue
			}
			started[s.Key()] = true
			n.work.Go(func() { n.supervise(ctx, s) })
		}
		select {
		case <-n.changed:
			again.Reset(settle)
		case <-again.C:
			if n.outdated() {
				n.log.Info("group is joined anew because this member is configured for other streams than before")
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// holds reports whether the stream's partition is assigned in this generation.
func (n *generation) holds(s audit.Stream) bool {
	return n.progress[Shard(s, n.config.Partitions)] != nil
}

// supervise runs a stream until the generation ends, again and again if it ends by itself.
func (n *generation) supervise(ctx context.Context, s audit.Stream) {
	turn := n.turn(s)
	select {
	case turn <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-turn }()
	n.note(s, true)
	defer n.note(s, false)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for rest := minRest; ctx.Err() == nil; rest = min(2*rest, maxRest) {
		began := time.Now()
		n.options.Run(ctx, s)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > maxRest {
			rest = minRest
		}
		n.log.Warn("stream ended by itself", "stream", s.String(), "again_in", rest.String())
		if sleep(ctx, rest) != nil {
			return
		}
	}
}

func (n *generation) note(s audit.Stream, runs bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if runs {
		n.membership.Streams = append(n.membership.Streams, s)
		return
	}
	n.membership.Streams = slices.DeleteFunc(n.membership.Streams, func(o audit.Stream) bool { return o == s })
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
