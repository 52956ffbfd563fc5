package control

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// unstablePause is the time between looks at a group that is being rebalanced.
const unstablePause = 300 * time.Millisecond

// watch looks at the whole group from time to time: what each member was given is known to the leader alone, and
// what is wrong with the group would otherwise be seen by nobody.
func (n *generation) watch(ctx context.Context) {
	told := false
	for ctx.Err() == nil {
		v, err := n.roster.describe(ctx)
		pause := n.config.SessionTimeout.D()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if !told {
				n.log.Warn("members of the group cannot be seen", "error", err)
			}
			told = true
		case !v.stable:
			pause = unstablePause
		default:
			told = false
			n.findings.take(n.inspect(v), pause, func() { n.log.Info("every stream has an owner again and the members agree") })
		}
		if sleep(ctx, pause) != nil {
			return
		}
	}
}

// finding is something wrong with the group that a person has to put right.
type finding struct {
	kind   string
	detail string
	tell   func()
}

// inspect returns what is wrong. While members start and find their streams some of it is normal.
func (g *Group) inspect(v view) []finding {
	var out []finding
	add := func(kind string, details []string, tell func(details []string)) {
		if len(details) > 0 {
			out = append(out, finding{kind, strings.Join(details, "; "), func() { tell(details) }})
		}
	}
	add("unowned", keysOf(v.unowned), func(streams []string) {
		g.log.Error("streams have no owner", "count", len(streams), "streams", firstOf(streams),
			"hint", "no member is configured for all streams of their partition: give all instances the same tenants and content types")
	})
	add("different", v.lacking(), func(members []string) {
		g.log.Error("members are configured for different streams", "members", firstOf(members),
			"hint", "give all instances the same tenants and content types")
	})
	add("unreadable", v.unreadable(), func(members []string) {
		g.log.Error("members do not say what they are configured for, and are given no stream", "members", firstOf(members),
			"hint", "run the same version everywhere, and nothing else under control.group_id")
	})
	add("twins", v.twins(), func(instances []string) {
		g.log.Error("several processes have the same instance id", "instances", firstOf(instances),
			"hint", "give each its own control.instance_id: one that starts takes the others out of the group for a moment")
	})
	if n := v.partitions(); n != g.config.Partitions {
		err := errPartitions(g.config.Topic, n, g.config.Partitions)
		add("partitions", []string{err.Error()}, func([]string) {
			g.log.Error("control topic has another number of partitions", "error", err)
		})
	}
	return out
}

// firstOf keeps a list short enough to be read.
func firstOf(list []string) []string {
	const most = 20
	if len(list) <= most {
		return list
	}
	return append(slices.Clone(list[:most]), fmt.Sprintf("and %d more", len(list)-most))
}

// lacking names the members that do not know every stream that any other one knows. Those that know none are there for
// commands only, or still look what is enabled.
func (v view) lacking() []string {
	all := map[string]bool{}
	for _, m := range v.members {
		for _, key := range m.known {
			all[key] = true
		}
	}
	var out []string
	for _, m := range v.members {
		if n := len(all) - len(m.known); n > 0 && len(m.known) > 0 && m.invalid == nil {
			out = append(out, fmt.Sprintf("%s lacks %d of %d streams", m.Instance, n, len(all)))
		}
	}
	return out
}

func (v view) unreadable() []string {
	var out []string
	for _, m := range v.members {
		if m.invalid != nil {
			out = append(out, fmt.Sprintf("%s at %s: %v", clip(m.MemberID), m.Host, m.invalid))
		}
	}
	return out
}

// twins names the instances that are there more than once.
func (v view) twins() []string {
	seen := map[string]int{}
	var out []string
	for _, m := range v.members {
		if m.token == "" {
			continue
		}
		if seen[m.Instance]++; seen[m.Instance] == 2 {
			out = append(out, m.Instance)
		}
	}
	return out
}

// partitions counts those that were given out: all that the topic has.
func (v view) partitions() int {
	n := 0
	for _, m := range v.members {
		n += len(m.Partitions)
	}
	return n
}

// findings tells of each finding once, when it has lasted for a while.
type findings struct {
	mu    sync.Mutex // guards the following
	since map[string]time.Time
	told  map[string]string // details by kind
}

func (f *findings) take(found []finding, patience time.Duration, over func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	since := map[string]time.Time{}
	told := map[string]string{}
	for _, x := range found {
		since[x.kind] = time.Now()
		if t, ok := f.since[x.kind]; ok {
			since[x.kind] = t
		}
		before, ok := f.told[x.kind]
		if time.Since(since[x.kind]) >= patience && (!ok || before != x.detail) {
			x.tell()
			before, ok = x.detail, true
		}
		if ok {
			told[x.kind] = before
		}
	}
	if len(found) == 0 && len(f.told) > 0 {
		over()
	}
	f.since, f.told = since, told
}
