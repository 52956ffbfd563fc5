package commands

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"o365-kafka-connector/internal/e2e/stage"
	"o365-kafka-connector/internal/emulator"
)

var names = map[string]string{first: "contoso", second: "fabrikam"}

// withLogin is a tenant that can be signed in to.
func withLogin(id string) string {
	return strings.Replace(stage.Tenant(id, names[id]), "auth: {", "auth: {redirect_uri: \"https://connector.example/callback\", ", 1)
}

// TestEveryCommandByEveryRoad plays all commands on two instances, by each road on a stream of its own; two of the
// streams run on the one instance and two on the other.
func TestEveryCommandByEveryRoad(t *testing.T) {
	r := newRig(t, stage.Parts{
		Tenants: withLogin(first) + withLogin(second),
		Emulator: emulator.Config{
			Tenants: []emulator.Tenant{{ID: first}, {ID: second}}, Seed: 5, BacklogRecords: 3000, Backlog: 50 * time.Minute,
			Rate: 20, RecordsPerBlob: 10, Faults: []emulator.Fault{{Kind: emulator.StartThrottle}},
		},
		Control: `allow: [start-subscription, stop-subscription, list-subscriptions, list-content, generate-login-url, status,
  pause, resume, backfill, cancel, checkpoint-show, checkpoint-set, checkpoint-reset, contoso/auth-reset]`,
	})
	a, b := r.Start("a", ""), r.Start("b", "")
	owners := r.settled(10, a, b)
	r.Settled(time.Minute, a, b)
	r.reading()
	for _, way := range roads {
		t.Run("tenant/"+way.name, func(t *testing.T) { r.in(t).playTenant(t, way) })
	}
	var playing sync.WaitGroup
	for i, way := range roads { // they mostly wait: all at once, whatever -parallel says
		p := &play{way: way, instances: map[string]*stage.Connector{"a": a, "b": b}, owner: []string{"a", "b"}[i%2]}
		p.tenant, p.contentType, _ = strings.Cut(take(owners, p.owner), "/")
		playing.Go(func() {
			t.Run("streams/"+way.name, func(t *testing.T) {
				p.rig, p.t = r.in(t), t
				p.run()
			})
		})
	}
	playing.Wait()
}

// reading waits until the command line, too, sees every stream being read.
func (r *rig) reading() {
	r.t.Helper()
	var out stage.Output
	r.Until(20*time.Second, "every stream is read", func() bool {
		out = r.Call(r.t, "status", "--config", r.cli)
		return strings.Count(out.Stdout, "| quiet ")+strings.Count(out.Stdout, "| reading ")+strings.Count(out.Stdout, "| catching-up ") == 10
	}, func() string { return out.Stdout + out.Stderr })
}

// take takes a stream of an owner out of the list.
func take(owners map[string]string, owner string) string {
	for key, o := range owners {
		if o == owner {
			delete(owners, key)
			return key
		}
	}
	return ""
}

// playTenant plays the commands that concern a whole tenant.
func (r *rig) playTenant(t *testing.T, way road) {
	for _, name := range []string{"list-subscriptions", "generate-login-url", "auth-reset", "status", "checkpoint-show"} {
		before := r.API.Stats()
		a := way.send(t, r, command{name: name, tenant: "contoso", key: first})
		golden(t, name, a, way.name)
		asked := r.API.Stats().CountOf(first, "", "subscriptions", "200") - before.CountOf(first, "", "subscriptions", "200")
		if name == "list-subscriptions" && asked == 0 {
			t.Error("nobody asked for the subscriptions")
		}
	}
}

// play is all commands on one stream, by one road.
type play struct {
	*rig

	t           *testing.T
	way         road
	instances   map[string]*stage.Connector
	owner       string
	tenant      string // GUID
	contentType string
	sent        int // commands
}

func (p *play) key() string { return p.tenant + "/" + p.contentType }

// do sends a command on the stream.
func (p *play) do(name string, arguments ...any) answer {
	p.t.Helper()
	c := command{name: name, tenant: names[p.tenant], key: p.key(), arguments: map[string]any{"content_type": strings.ToLower(p.contentType)}}
	for i := 0; i+1 < len(arguments); i += 2 {
		c.arguments[arguments[i].(string)] = arguments[i+1]
	}
	if name == "cancel" { // of the tenant
		delete(c.arguments, "content_type")
		p.sent--
	}
	p.sent++
	if quiet(name) && p.way.name == "command line over Kafka" { // once for the table
		p.sent++
	}
	return p.way.send(p.t, p.rig, c)
}

// step is do, with a golden file.
func (p *play) step(file, name string, arguments ...any) answer {
	p.t.Helper()
	a := p.do(name, arguments...)
	golden(p.t, file, a, p.way.name)
	return a
}

func (p *play) count(operation string) int {
	return p.API.Stats().CountOf(p.tenant, p.contentType, operation, "200")
}

// truth is how often each record is in the blobs of a window.
func (p *play) truth(from, to time.Time) map[string]int {
	out := map[string]int{}
	for b := range p.API.Truth(p.tenant, p.contentType) {
		if !b.Created.Before(from) && b.Created.Before(to) {
			for _, id := range b.Records {
				out[id]++
			}
		}
	}
	return out
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

func (p *play) run() {
	p.content()
	p.moves()
	p.backfills()
	p.subscription()
	p.records()
}

// content lists records.
func (p *play) content() {
	to := time.Now().Add(-20 * time.Minute).UTC().Truncate(time.Second)
	from := to.Add(-20 * time.Minute)
	blobs := p.count("blob")
	a := p.do("list-content", "start_time", stamp(from), "end_time", stamp(to), "timeout", "10")
	got := map[string]int{}
	list, _ := at(a.Context, "MicrosoftManagement", "ContentRecord").([]any)
	for _, one := range list {
		got[fmt.Sprint(at(one, "ID"))]++
	}
	want := p.truth(from, to)
	if len(want) == 0 || fmt.Sprint(got) != fmt.Sprint(want) || p.count("blob") == blobs {
		p.t.Errorf("list-content: %d records, want %d", len(got), len(want))
	}
	if lines := strings.Count(a.Text, "\n"); lines != len(list)+3 {
		p.t.Errorf("list-content: the table has %d lines for %d records", lines, len(list))
	}
	p.step("list-content-none", "list-content", "start_time", stamp(from), "end_time", stamp(to), "operations_filter", "NoSuchOperation")
}

// moves pauses the stream, moves its watermark and resumes it.
func (p *play) moves() {
	p.step("pause", "pause")
	listings := p.count("content")
	p.step("status-paused", "status")
	shown := p.step("checkpoint-show-paused", "checkpoint-show")
	to := time.Now().Add(-30 * time.Minute).UTC().Truncate(time.Second)
	p.step("checkpoint-set-dry-run", "checkpoint-set", "watermark", stamp(to), "dry_run", true)
	after := p.do("checkpoint-show")
	if was, is := at(shown.Context, "checkpoint", "streams", 0, "watermark"), at(after.Context, "checkpoint", "streams", 0, "watermark"); was != is {
		p.t.Errorf("a dry run moved the watermark from %v to %v", was, is)
	}
	p.step("checkpoint-set", "checkpoint-set", "watermark", stamp(to))
	after = p.do("checkpoint-show")
	if is := at(after.Context, "checkpoint", "streams", 0, "watermark"); is != stamp(to) {
		p.t.Errorf("the watermark stands at %v, want %s", is, stamp(to))
	}
	p.step("checkpoint-reset-dry-run", "checkpoint-reset", "dry_run", true)
	if n := p.count("content"); n > listings+2 { // those of the dry runs
		p.t.Errorf("%d listings while the stream is paused, want at most 2", n-listings)
	}
	p.step("checkpoint-reset", "checkpoint-reset")
	blobs, forgotten := p.count("blob"), len(p.truth(time.Now().Add(-time.Hour), time.Now()))/10
	p.step("resume", "resume")
	p.Until(30*time.Second, "everything is read again after a reset", func() bool { return p.count("blob") >= blobs+forgotten }, nil)
	p.step("checkpoint-set-running", "checkpoint-set", "watermark", stamp(to))
}

// backfills reads a stretch again, and breaks off another one.
func (p *play) backfills() {
	to := time.Now().Add(-10 * time.Minute).UTC().Truncate(time.Second)
	span := []any{"start_time", stamp(to.Add(-20 * time.Minute)), "end_time", stamp(to), "mode", "republish"}
	p.step("backfill-dry-run", "backfill", append(span, "dry_run", true)...)
	a := p.step("backfill", "backfill", span...)
	want := fmt.Sprint(p.truth(to.Add(-20*time.Minute), to))
	p.Until(30*time.Second, "the back-fill is delivered", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return fmt.Sprint(p.again[fmt.Sprint(at(a.Context, "backfill", "id"))]) == want
	}, nil)
	p.fault(emulator.Fault{
		Kind: emulator.Slow, Tenant: p.tenant, ContentType: p.contentType, Operation: "blob", First: 40, Delay: 700 * time.Millisecond,
	})
	a = p.do("backfill", "start_time", stamp(to.Add(-50*time.Minute)), "end_time", stamp(to), "mode", "republish")
	id := fmt.Sprint(at(a.Context, "backfill", "id"))
	p.Until(20*time.Second, "the back-fill has begun", func() bool { return p.delivered(id) > 0 }, nil)
	p.step("cancel", "cancel", "backfill_id", id)
	if state, all := p.backfill(id), len(p.truth(to.Add(-50*time.Minute), to)); state != "cancelled" || p.delivered(id) >= all {
		p.t.Errorf("the back-fill is %s after %d of %d records, want cancelled", state, p.delivered(id), all)
	}
	p.step("cancel-again", "cancel", "backfill_id", id)
	p.step("cancel-unknown", "cancel", "backfill_id", "bf-0000000000")
}

// backfill is the state of a back-fill, asked for without a command of the road.
func (p *play) backfill(id string) string {
	a := p.typed(p.t, command{name: "checkpoint-show", tenant: names[p.tenant], arguments: map[string]any{"content_type": p.contentType}})
	list, _ := at(a.Context, "checkpoint", "streams", 0, "backfills").([]any)
	for _, one := range list {
		if at(one, "id") == id {
			return fmt.Sprint(at(one, "state"))
		}
	}
	return ""
}

// subscription stops and starts.
func (p *play) subscription() {
	p.step("stop-subscription", "stop-subscription")
	p.step("already-stopped", "stop-subscription")
	p.step("pause-stopped", "pause")
	p.step("start-subscription", "start-subscription")
	p.step("already-enabled", "start-subscription")
	if p.count("stop") != 1 || p.count("start") != 1 {
		p.t.Errorf("%d stops and %d starts, want one of each", p.count("stop"), p.count("start"))
	}
	var gaps []told
	p.Until(20*time.Second, "the gap is told", func() bool {
		gaps = p.statusesOf("gap", func(m told) bool {
			return m.Tenant == p.tenant && m.ContentType == p.contentType && m.Cause == "stopped" && m.To != ""
		})
		return len(gaps) > 0
	}, func() string {
		return fmt.Sprintf("%+v", p.statusesOf("gap", func(told) bool { return true }))
	})
	if want := p.key() + "/gap/" + gaps[0].From; gaps[0].key != want || gaps[0].From >= gaps[0].To {
		p.t.Errorf("gap %+v, want the key %s", gaps[0], want)
	}
	p.step("stop-subscription-now", "stop-subscription", "now", true)
	p.step("start-too-soon", "start-subscription")
	if p.count("stop") != 2 || p.count("start") != 1 {
		p.t.Errorf("%d stops and %d starts, want 2 and 1", p.count("stop"), p.count("start"))
	}
}

// records looks for what every command leaves behind: a line in the owner's log, and a status message of the owner.
func (p *play) records() {
	want := p.sent
	if p.way.name == "command line" {
		want = 0
	}
	mine := func(m told) bool { return m.Tenant == p.tenant && m.ContentType == p.contentType }
	for name, instance := range p.instances {
		want := want
		if name != p.owner {
			want = 0
		}
		lines := 0
		for _, l := range instance.Lines("command") {
			if l["tenant"] == p.tenant && l["content_type"] == p.contentType {
				lines++
			}
		}
		if lines != want {
			p.t.Errorf("%s has %d lines on the commands of %s, want %d", name, lines, p.key(), want)
		}
		var messages []told
		p.Until(10*time.Second, name+" leaves a status message for each command on "+p.key(), func() bool {
			messages = p.statusesOf("command", func(m told) bool { return mine(m) && m.Instance == name })
			return len(messages) == want
		}, func() string {
			return fmt.Sprintf("%d, want %d\n%v", len(messages), want, instance.Lines("status message on a command is not published"))
		})
	}
}
