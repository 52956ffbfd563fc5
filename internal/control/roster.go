package control

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/broker"
)

// Member is one process of the group, as the broker knows it.
type Member struct {
	Instance   string
	MemberID   string
	Host       string
	Since      time.Time // when the process began to be a member; zero while the group is being rebalanced
	Partitions []int     // of the control topic
	Streams    []string  // keys of the streams that it runs, sorted
}

// overviewAge is for how long an answer of Overview is used again.
const overviewAge = 3 * time.Second

// Roster tells who is in a group. It does not have to be a member.
type Roster struct {
	group  string
	topic  string
	shards int
	conn   *broker.Conn

	turn chan struct{} // whoever holds it may ask, and guards the following
	last view
	err  error
	at   time.Time
}

// NewRoster prepares questions to the broker; it sends nothing.
func NewRoster(c Config, conn *broker.Conn) *Roster {
	return &Roster{group: c.GroupID, topic: c.Topic, shards: c.Partitions, conn: conn, turn: make(chan struct{}, 1)}
}

// Overview returns the members of the whole group, sorted by instance. The answer is up to three seconds old. A group
// that nobody is in has no members. While the group is being rebalanced its members have no streams.
func (r *Roster) Overview(ctx context.Context) ([]Member, error) {
	v, err := r.look(ctx)
	return v.copy(), err
}

// Problems returns what is wrong with the group that a person has to put right, and how: members that are configured
// differently, streams that nobody runs. The answer is as old as that of Overview. Some of it is normal for a moment,
// while members start; of a group that is being rebalanced nothing is known.
func (r *Roster) Problems(ctx context.Context) ([]string, error) {
	v, err := r.look(ctx)
	if err != nil || !v.stable {
		return nil, err
	}
	var out []string
	for _, f := range v.findings(r.topic, r.shards) {
		out = append(out, f.String())
	}
	return out, nil
}

// look returns the group as it was at most three seconds ago. Nobody may change the answer.
func (r *Roster) look(ctx context.Context) (view, error) {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return view{}, context.Cause(ctx)
	}
	if r.at.IsZero() || time.Since(r.at) >= overviewAge {
		v, err := r.describe(ctx)
		if ctx.Err() != nil && err != nil { // says nothing to the next caller
			return view{}, err
		}
		r.last, r.err, r.at = v, err, time.Now()
	}
	return r.last, r.err
}

func (v view) copy() []Member {
	out := make([]Member, 0, len(v.members))
	for _, m := range v.members {
		c := m.Member
		c.Partitions, c.Streams = slices.Clone(c.Partitions), slices.Clone(c.Streams)
		out = append(out, c)
	}
	return out
}

// view is the group at one moment.
type view struct {
	stable  bool // every member has its partitions
	members []viewed
	unowned []audit.Stream // that some member is configured for and nobody runs, by key
}

// viewed is a member with what it told.
type viewed struct {
	Member
	token   string // of its process; empty if it is no connector
	known   []string
	invalid error // why its profile cannot be read

	release  string
	settings map[string]string
}

// describe asks the group's coordinator.
func (r *Roster) describe(ctx context.Context) (view, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	res, err := r.conn.Client.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{r.group}})
	if err == nil && len(res.Groups) != 1 {
		err = errors.New("the broker gave no answer")
	}
	if err == nil {
		err = res.Groups[0].Error
	}
	if err != nil {
		p := r.conn.Explain(err, broker.About{Group: r.group})
		return view{}, fmt.Errorf("ask for the members of group %s: %w: %s", r.group, p, p.Hint)
	}
	v := view{stable: res.Groups[0].GroupState == "Stable"}
	for _, m := range res.Groups[0].Members {
		v.members = append(v.members, r.viewed(m, v.stable))
	}
	slices.SortFunc(v.members, func(a, b viewed) int {
		return cmp.Or(cmp.Compare(a.Instance, b.Instance), cmp.Compare(a.MemberID, b.MemberID))
	})
	v.allot(r.shards)
	return v, nil
}

// viewed reads what the broker says of a member. Profile and assignment are there only in a stable group.
func (r *Roster) viewed(m kafka.DescribeGroupsResponseMember, stable bool) viewed {
	out := viewed{Member: Member{MemberID: m.MemberID, Host: strings.TrimPrefix(m.ClientHost, "/")}}
	out.Instance, out.token, _ = parseClientID(m.ClientID)
	if !stable {
		return out
	}
	p, err := decodeProfile(m.MemberMetadata.UserData)
	if err != nil {
		out.invalid = err
	} else {
		out.Instance, out.Since, out.known = p.Instance, p.Since, p.keys()
		out.release, out.settings = p.Release, p.Settings
		out.Host = cmp.Or(p.Host, out.Host)
	}
	for _, t := range m.MemberAssignments.Topics {
		if t.Topic == r.topic {
			out.Partitions = slices.Sorted(slices.Values(t.Partitions))
		}
	}
	return out
}

// allot fills in which streams the members run, and which nobody runs.
func (v *view) allot(partitions int) {
	holder := map[int]int{}
	for i, m := range v.members {
		for _, p := range m.Partitions {
			holder[p] = i
		}
	}
	owned := map[string]bool{}
	for i := range v.members {
		m := &v.members[i]
		for _, key := range m.known {
			h, held := holder[shardOf(key, partitions)]
			mine := held && h == i
			owned[key] = owned[key] || mine
			if mine {
				m.Streams = append(m.Streams, key)
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(owned)) {
		if !owned[key] {
			v.unowned = append(v.unowned, streamOf(key))
		}
	}
}
