package control

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/unit"
)

func only(tenants ...audit.Tenant) func() []audit.Stream {
	return func() []audit.Stream { return streamsOf(tenants...) }
}

// overview asks for the group's members without the cache.
func (r *rig) overview() map[string]Member {
	r.t.Helper()
	var members []Member
	r.until("the members are told", 10*time.Second, func() bool { // not at once by a broker that has just started
		var err error
		members, err = NewRoster(r.config, r.conn).Overview(r.t.Context())
		return err == nil
	})
	out := map[string]Member{}
	for _, m := range members {
		out[m.Instance] = m
	}
	return out
}

func TestOverviewOfTheWholeGroup(t *testing.T) {
	onKafka(t, func(r *rig) {
		r.tenants = []audit.Tenant{contoso, fabrikam}
		if got := r.overview(); len(got) != 0 {
			t.Errorf("members of a group that nobody has joined: %v", got)
		}
		began := time.Now().Add(-time.Second)
		a := r.join("a", change{options: func(o *Options) { o.Host = "alpha" }})
		b := r.join("b/ü 1", change{})
		r.until("both are in", 10*time.Second, func() bool { return len(a.Members().Streams) == 5 && len(b.Members().Streams) == 5 })
		got := r.overview()
		for name, m := range map[string]*member{"a": a, "b/ü 1": b} {
			mine := m.Members()
			if diff := cmp.Diff(keysOf(mine.Streams), got[name].Streams); diff != "" {
				t.Errorf("%s:\n%s", name, diff)
			}
			if diff := cmp.Diff(mine.Partitions, got[name].Partitions); diff != "" {
				t.Errorf("%s:\n%s", name, diff)
			}
			if got[name].MemberID != mine.MemberID || got[name].Since.Before(began) || got[name].Since.After(mine.Since) {
				t.Errorf("%s: %+v; it says %+v", name, got[name], mine)
			}
		}
		if got["a"].Host != "alpha" || !strings.HasPrefix(got["b/ü 1"].Host, "127.0.0.1") {
			t.Errorf("hosts %q and %q", got["a"].Host, got["b/ü 1"].Host)
		}
	})
}

// counting counts the requests of a client.
type counting struct {
	kafka.RoundTripper
	n atomic.Int32
}

func (c *counting) RoundTrip(ctx context.Context, to net.Addr, req kafka.Request) (kafka.Response, error) {
	c.n.Add(1)
	return c.RoundTripper.RoundTrip(ctx, to, req)
}

func TestOverviewIsAskedForOnceInAWhile(t *testing.T) {
	r := newRig(t, embedded(t))
	c := &counting{RoundTripper: r.conn.Transport}
	r.conn.Client.Transport = c
	roster := NewRoster(r.config, r.conn)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := roster.Overview(ended); err == nil {
		t.Error("no error after the end of the context")
	}
	c.n.Store(0)
	for range 10 {
		if _, err := roster.Overview(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.n.Load(); n != 1 {
		t.Errorf("%d requests for ten looks", n)
	}
}

// unowned returns the streams that no member of the group can run, and whether the group has settled.
func (r *rig) unowned() ([]audit.Stream, bool) {
	r.t.Helper()
	v, err := NewRoster(r.config, r.conn).describe(r.t.Context()) // of a new group the coordinator may have to be found yet
	return v.unowned, err == nil && v.stable
}

func TestStreamsThatNoMemberCovers(t *testing.T) {
	onRealKafka(t, func(r *rig) {
		other := audit.Tenant{ID: "33333333-3333-3333-3333-333333333333", Name: "other"}
		r.tenants = []audit.Tenant{contoso, other}
		a := r.join("a", change{streams: only(contoso)})
		b := r.join("b", change{streams: only(other)})
		r.join("commands", change{streams: only()})
		// What is unowned is what shares a partition with a stream of the other tenant.
		r.until("everybody can see what nobody runs", 15*time.Second, func() bool {
			streams, ok := r.unowned()
			run := len(a.Members().Streams) + len(b.Members().Streams)
			return ok && a.Members().Generation == b.Members().Generation && run > 0 && len(streams) > 0 && len(streams) == 10-run
		})
		streams, _ := r.unowned()
		for _, s := range streams {
			if a.Owns(s) == b.Owns(s) || r.owner(s) != "" {
				t.Errorf("%s: a holds it: %v, b holds it: %v, run by %q", s.Key(), a.Owns(s), b.Owns(s), r.owner(s))
			}
		}
		r.until("all three logs say so", 3*r.config.SessionTimeout.D(), func() bool {
			return strings.Count(r.log(), "streams have no owner") == 3 && has(r.log(), "a lacks 5 of 10 streams", "b lacks 5 of 10 streams", "give all instances the same tenants")
		})
		if has(r.log(), "commands lacks") {
			t.Error("a member that serves commands only is told of")
		}
		c := r.join("c", change{})
		r.until("c covers everything that a and b cannot", 15*time.Second, func() bool {
			streams, ok := r.unowned()
			return len(r.owners()) == 3 && len(a.Members().Streams)+len(b.Members().Streams)+len(c.Members().Streams) == 10 && ok && len(streams) == 0
		})
		if n := strings.Count(r.log(), "streams have no owner"); n != 3 {
			t.Errorf("told %d times by three members", n)
		}
	})
}

// Members of one release whose settings differ are named, in their logs and to whoever looks at the group; members of
// another release are not compared.
func TestMembersWithOtherSettings(t *testing.T) {
	onRealKafka(t, func(r *rig) {
		as := func(release, filter string) change {
			return change{options: func(o *Options) {
				o.Release, o.Settings = release, map[string]string{"filter": filter, "output": "same"}
			}}
		}
		r.join("a", as("1", "x"))
		r.join("b", as("1", "x"))
		r.join("old", as("0", "z"))
		roster := NewRoster(r.config, r.conn)
		problems := func() (string, int) {
			members, err := roster.Overview(t.Context())
			list, more := roster.Problems(t.Context())
			if err != nil || more != nil { // of a new group the coordinator may have to be found yet
				return "", 0
			}
			return strings.Join(list, "\n"), len(members)
		}
		r.until("three members agree", 15*time.Second, func() bool { text, n := problems(); return text == "" && n == 3 && len(r.owners()) > 0 })
		c := r.join("c", as("1", "y"))
		const want = "members have different settings: filter of a and b unlike c. Give all instances the same configuration"
		r.until("the status says who differs", 15*time.Second, func() bool { text, _ := problems(); return strings.HasPrefix(text, want) })
		r.until("the log says so", 3*r.config.SessionTimeout.D(), func() bool {
			return has(r.log(), "members have different settings", "filter of a and b unlike c", "give all instances the same configuration")
		})
		c.leave()
		r.until("they agree again", 15*time.Second, func() bool { text, n := problems(); return text == "" && n == 3 })
	})
}

// A member that learns of more streams tells the group, once, and gets its share.
func TestTheGroupLearnsOfMoreStreams(t *testing.T) {
	onRealKafka(t, func(r *rig) {
		r.tenants = []audit.Tenant{contoso, fabrikam}
		var all atomic.Bool
		late := func() []audit.Stream {
			if all.Load() {
				return streamsOf(contoso, fabrikam)
			}
			return streamsOf(contoso)
		}
		a := r.join("a", change{streams: late})
		b := r.join("b", change{streams: late})
		r.until("both are in", 10*time.Second, func() bool {
			return len(a.Members().Streams)+len(b.Members().Streams) == 5 && len(a.Members().Streams)*len(b.Members().Streams) == 6
		})
		before := a.Members().Generation
		for range 3 { // to say it without need has no effect
			a.Changed()
			b.Changed()
		}
		time.Sleep(settle + time.Second)
		if got := a.Members().Generation; got != before {
			t.Errorf("generation %d has become %d although nothing has changed", before, got)
		}
		all.Store(true)
		a.Changed()
		b.Changed()
		r.until("all streams run, evenly", 15*time.Second, func() bool {
			streams, ok := r.unowned()
			return len(a.Members().Streams) == 5 && len(b.Members().Streams) == 5 && ok && len(streams) == 0
		})
	})
}

func TestTwoProcessesOfTheSameName(t *testing.T) {
	onRealKafka(t, func(r *rig) {
		r.config.SessionTimeout = unit.Duration(6 * time.Second)
		first := r.join("same", change{})
		r.until("the first is in", 10*time.Second, func() bool { return len(first.Members().Streams) == 5 })
		second := r.join("same", change{})
		r.until("both share", 15*time.Second, func() bool {
			return len(first.Members().Streams)+len(second.Members().Streams) == 5 && len(first.Members().Streams)*len(second.Members().Streams) == 6
		})
		r.until("the log tells", 20*time.Second, func() bool {
			return has(r.log(), "several processes have the same instance id", "control.instance_id")
		})
		if g := first.Members().Generation; g > 6 {
			t.Errorf("generation %d: they throw each other out", g)
		}
	})
}

// While a dead member is waited for, joining takes as long as its session; stopping does not.
func TestLeavingWhileJoiningHangs(t *testing.T) {
	onRealKafka(t, func(r *rig) {
		r.config.SessionTimeout = unit.Duration(20 * time.Second)
		a := r.join("a", change{})
		r.until("a runs all", 10*time.Second, func() bool { return len(a.Members().Streams) == 5 })
		a.kill()
		b := r.join("b", change{})
		r.until("b asks to join", 10*time.Second, func() bool { return len(r.overview()) == 2 })
		began := time.Now()
		b.leave()
		if took := time.Since(began); took > 8*time.Second {
			t.Errorf("leaving took %v", took)
		}
		if got := r.overview(); got["b"].MemberID != "" {
			t.Errorf("b has left itself behind: %+v", got["b"])
		}
	})
}
