package control

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
)

// protocolName is what members have to have in common. It stands for the profile's format and for the rules by which
// partitions are shared out: with one name only, no program of another kind can join and be given streams.
const protocolName = "o365-streams"

// balancer shares the control topic's partitions out among the members. Kafka's client asks it for the profile each
// time that it joins, and has it share if this member is the leader.
type balancer struct {
	profile func() ([]byte, error)
}

var _ kafka.GroupBalancer = balancer{}

// ProtocolName returns the name that all members have to know.
func (b balancer) ProtocolName() string { return protocolName }

// UserData returns the profile at this moment.
func (b balancer) UserData() ([]byte, error) { return b.profile() }

// AssignGroups shares the partitions out. A member whose profile cannot be read knows no stream, and is still given
// partitions without streams.
func (b balancer) AssignGroups(members []kafka.GroupMember, partitions []kafka.Partition) kafka.GroupMemberAssignments {
	count := map[string]int{}
	for _, p := range partitions {
		count[p.Topic]++
	}
	candidates := map[string][]candidate{}
	out := kafka.GroupMemberAssignments{}
	for _, m := range members {
		out[m.ID] = map[string][]int{}
		for _, topic := range m.Topics {
			candidates[topic] = append(candidates[topic], newCandidate(m))
			out[m.ID][topic] = []int{}
		}
	}
	for topic, n := range count {
		for id, held := range share(candidates[topic], n) {
			out[id][topic] = held
		}
	}
	return out
}

func newCandidate(m kafka.GroupMember) candidate {
	p, err := decodeProfile(m.UserData)
	if err != nil {
		return candidate{id: m.ID}
	}
	return candidate{id: m.ID, instance: p.Instance, known: p.keys(), generation: p.Generation, held: p.Held}
}

// introduce is called by Kafka's client right before it asks to join.
func (g *Group) introduce(ctx context.Context) ([]byte, error) {
	g.leaveOwn(ctx)
	streams := keysOf(g.options.Streams())
	g.mu.Lock()
	p := profile{
		Instance: g.options.Instance, Host: g.host, Since: g.since,
		Generation: g.heldIn, Held: slices.Clone(g.held), Streams: newStreamSets(streams),
		Release: g.options.Release, Settings: g.options.Settings,
	}
	g.introduced = streams
	g.mu.Unlock()
	return p.encode()
}

// outdated reports whether this member is configured for other streams than the group was told.
func (g *Group) outdated() bool {
	streams := keysOf(g.options.Streams())
	g.mu.Lock()
	defer g.mu.Unlock()
	return !slices.Equal(streams, g.introduced)
}

// settle is how long the set of streams has to stay the same before the group is told: a rebalance stops every stream
// for a moment, and streams are found one tenant after the other.
const settle = 2 * time.Second

// errPartitions describes a control topic that does not have the number of partitions that streams are sharded by.
func errPartitions(topic string, found, configured int) error {
	return fmt.Errorf("topic %s has %d partitions, control.partitions is %d: commands and streams would be spread by two rules: "+
		"set control.partitions: %d in all instances, all stopped at the same time, or delete the topic while none runs",
		topic, found, configured, found)
}
