package control

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/audit"
)

func TestMembersShareTheStreams(t *testing.T) {
	onKafka(t, func(r *rig) {
		r.tenants = []audit.Tenant{contoso, fabrikam}
		a := r.join("a", change{})
		r.whole(10*time.Second, "a")
		if m := a.Members(); len(m.Partitions) != 12 || len(m.Streams) != 10 || m.MemberID == "" || m.Since.IsZero() || a.Check(t.Context()) != nil {
			t.Errorf("membership %+v", m)
		}
		b := r.join("b", change{})
		r.whole(10*time.Second, "a", "b")
		for _, s := range streamsOf(r.tenants...) {
			if a.Owns(s) == b.Owns(s) || (r.owner(s) == "a") != a.Owns(s) {
				t.Errorf("%s is run by %s; a owns it: %v, b owns it: %v", s.Key(), r.owner(s), a.Owns(s), b.Owns(s))
			}
		}
		began := time.Now()
		b.leave()
		r.whole(10*time.Second, "a")
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("the other took over after %v", took)
		}
		if m := b.Members(); m.MemberID != "" || b.Check(t.Context()) == nil {
			t.Errorf("membership %+v after leaving", m)
		}
		a.leave()
		if o := r.owners(); len(o) > 0 {
			t.Errorf("streams run after the end: %v", o)
		}
	})
}

func TestTakeoverFromADeadMember(t *testing.T) {
	onKafka(t, func(r *rig) {
		a := r.join("a", change{})
		r.whole(10*time.Second, "a")
		b := r.join("b", change{})
		r.whole(10*time.Second, "a", "b")
		// Its network dies: no word to the broker any more, not even that it leaves.
		b.kill()
		took := r.until("a runs all streams", 15*time.Second, func() bool { return len(a.Members().Streams) == 5 })
		if most := r.config.SessionTimeout.D() + 5*time.Second; took > most {
			r.t.Errorf("took %v, at most %v are allowed", took, most)
		}
	})
}

// A stream that does not end in time holds up its next run in this process, and nothing else.
func TestAStreamNeverRunsTwiceInAProcess(t *testing.T) {
	onKafka(t, func(r *rig) {
		var running, clashes atomic.Int32
		slow := streamsOf(contoso)[0]
		a := r.join("a", change{run: func(ctx context.Context, s audit.Stream) {
			if s == slow {
				if running.Add(1) > 1 {
					clashes.Add(1)
				}
				defer running.Add(-1)
				<-ctx.Done()
				time.Sleep(3 * time.Second)
				return
			}
			<-ctx.Done()
		}})
		r.until("a runs all", 10*time.Second, func() bool { return len(a.Members().Streams) == 5 })
		b := r.join("b", change{run: func(ctx context.Context, _ audit.Stream) { <-ctx.Done() }})
		r.until("b is in", 10*time.Second, func() bool { return len(b.Members().Streams) > 0 })
		b.leave()
		r.until("a runs all again", 15*time.Second, func() bool { return len(a.Members().Streams) == 5 })
		if clashes.Load() > 0 {
			t.Error("a stream ran twice at a time")
		}
		if !strings.Contains(r.log(), "did not end in time") {
			t.Error("nothing in the log of a stream that does not end")
		}
	})
}

func TestAStreamThatEndsIsRunAgain(t *testing.T) {
	onKafka(t, func(r *rig) {
		var runs atomic.Int32
		first := streamsOf(contoso)[0]
		a := r.join("a", change{run: func(ctx context.Context, s audit.Stream) {
			if s == first && runs.Add(1) == 1 {
				return
			}
			<-ctx.Done()
		}})
		r.until("the stream runs again", 10*time.Second, func() bool { return runs.Load() == 2 })
		if g := a.Members().Generation; g != 1 {
			t.Errorf("generation %d: the stream's end has ended it", g)
		}
	})
}

func TestStreamsThatAreConfiguredLater(t *testing.T) {
	onKafka(t, func(r *rig) {
		var all atomic.Bool
		a := r.join("a", change{streams: func() []audit.Stream {
			if all.Load() {
				return streamsOf(contoso)
			}
			return nil
		}})
		r.until("a is a member", 10*time.Second, func() bool { return a.Check(t.Context()) == nil })
		all.Store(true)
		a.Changed()
		r.until("the streams run", 5*time.Second, func() bool { return len(a.Members().Streams) == 5 })
	})
}

// A program that shares partitions out by other rules would take streams away from the members.
func TestAnotherProgramCannotJoin(t *testing.T) {
	onKafka(t, func(r *rig) {
		a := r.join("a", change{})
		r.whole(10*time.Second, "a")
		foreign := kafka.ConsumerGroupConfig{ID: r.config.GroupID, Brokers: r.conn.Brokers, Dialer: r.conn.Dialer, Topics: []string{r.config.Topic}}
		g, err := kafka.NewConsumerGroup(foreign)
		if err != nil {
			r.t.Fatal(err)
		}
		_, err = g.Next(t.Context())
		if err := g.Close(); err != nil {
			r.t.Error(err)
		}
		if !errors.Is(err, kafka.InconsistentGroupProtocol) || a.Members().Generation != 1 {
			r.t.Errorf("Next = %v; generation %d", err, a.Members().Generation)
		}
		a.leave()
		foreign.ID += ".other"
		if g, err = kafka.NewConsumerGroup(foreign); err != nil {
			r.t.Fatal(err)
		}
		defer func() { _ = g.Close() }()
		r.until("the other program is in", 10*time.Second, func() bool { _, err := g.Next(t.Context()); return err == nil })
		b := r.join("b", change{config: func(c *Config) { c.GroupID = foreign.ID }})
		r.until("the log tells", 10*time.Second, func() bool { return has(r.log(), "another program is in the group", "control.group_id") })
		b.leave()
	})
}

func TestAnotherNumberOfPartitionsIsRefused(t *testing.T) {
	onKafka(t, func(r *rig) {
		a := r.join("a", change{})
		r.whole(10*time.Second, "a")
		a.leave()
		g, err := NewGroup(a.config, a.options)
		if err != nil {
			t.Fatal(err)
		}
		g.config.Partitions = 5
		if err := g.Run(t.Context()); err == nil || !has(err.Error(), "has 12 partitions, control.partitions is 5", "set control.partitions: 12") {
			t.Errorf("Run = %v", err)
		}
	})
}

func TestMissingTopicsAreNotCreatedAgainstTheWill(t *testing.T) {
	onKafka(t, func(r *rig) {
		g, err := NewGroup(r.config, Options{Conn: r.conn, Log: r.join("a", change{}).log})
		if err != nil {
			t.Fatal(err)
		}
		g.config.Topic += ".other"
		if err := g.Run(t.Context()); err == nil || !has(err.Error(), "prepare topic", "kafka-topics.sh", "--partitions 12") {
			t.Errorf("Run = %v", err)
		}
	})
}

func TestACommandReachesTheOwner(t *testing.T) {
	onKafka(t, func(r *rig) {
		r.tenants = []audit.Tenant{contoso, fabrikam}
		r.join("a", change{})
		r.whole(10*time.Second, "a")
		r.join("b", change{})
		r.whole(10*time.Second, "a", "b")
		for i, s := range streamsOf(r.tenants...) {
			id := fmt.Sprintf("right-%d", i)
			if got := r.ask(pause(s, id)); got.HumanReadable != "done by "+r.owner(s) || got.Outcome != OutcomeDone || !got.Last || got.Part != 1 || got.Tenant != s.Tenant.ID {
				t.Errorf("%s, owned by %s: %+v", s.Key(), r.owner(s), got)
			}
			// Keyed by the tenant alone, or by nothing: passed on.
			id = fmt.Sprintf("wrong-%d", i)
			wrong := (Shard(s, 12) + 1 + i) % 12
			r.sendTo(wrong, "", fmt.Sprintf(`{"id":%q,"command":"pause","tenant":%q,"arguments":{"content_type":%q}}`, id, s.Tenant.Name, s.ContentType))
			if got := r.answersTo(id, 1)[0]; got.HumanReadable != "done by "+r.owner(s) {
				t.Errorf("%s, owned by %s and sent to partition %d: %+v", s.Key(), r.owner(s), wrong, got)
			}
			if n := r.effects(id); n != 1 {
				t.Errorf("%s was done %d times", id, n)
			}
		}
	})
}

func TestACommandWaitsForSomebodyToRun(t *testing.T) {
	onKafka(t, func(r *rig) {
		a := r.join("a", change{})
		r.whole(10*time.Second, "a")
		a.leave()
		r.send("x", `{"id":"early","command":"list-subscriptions"}`)
		r.join("b", change{})
		if got := r.answersTo("early", 1)[0]; got.HumanReadable != "done by b" {
			t.Errorf("%+v", got)
		}
	})
}

func TestClientSaysWhyThereIsNoReply(t *testing.T) {
	onKafka(t, func(r *rig) {
		a := r.join("a", change{})
		r.whole(10*time.Second, "a")
		a.leave()
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		for _, err := range r.client.Do(ctx, pause(streamsOf(contoso)[0], "")) {
			if !errors.Is(err, context.DeadlineExceeded) || !has(err.Error(), "check that a connector", r.config.GroupID, "expires at") {
				t.Errorf("error %v", err)
			}
		}
	})
}
