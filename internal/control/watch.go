package control

import (
	"context"
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
			n.findings.take(v.findings(n.config.Topic, n.config.Partitions), pause, n.report)
		}
		if sleep(ctx, pause) != nil {
			return
		}
	}
}

// findings tells of each finding once, when it has lasted for a while: while members start and find their streams some
// of it is normal.
type findings struct {
	mu    sync.Mutex // guards the following
	since map[ailment]time.Time
	told  map[ailment]string // details
}

func (f *findings) take(found []finding, patience time.Duration, report func(finding)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	since := map[ailment]time.Time{}
	told := map[ailment]string{}
	for _, x := range found {
		detail := strings.Join(x.details, "; ")
		since[x.kind] = time.Now()
		if t, ok := f.since[x.kind]; ok {
			since[x.kind] = t
		}
		before, ok := f.told[x.kind]
		if time.Since(since[x.kind]) >= patience && (!ok || before != detail) {
			report(x)
			before, ok = detail, true
		}
		if ok {
			told[x.kind] = before
		}
	}
	if len(found) == 0 && len(f.told) > 0 {
		report(finding{kind: healthy})
	}
	f.since, f.told = since, told
}
