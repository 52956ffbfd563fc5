package commands

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/e2e/stage"
	"o365-kafka-connector/internal/emulator"
)

// pair is two instances of a group.
type pair struct {
	*rig
	running map[string]*stage.Connector
}

// other is the instance that is not the one.
func (p *pair) other(name string) *stage.Connector {
	if name == "a" {
		return p.running["b"]
	}
	return p.running["a"]
}

// settled is rig.settled of both.
func (p *pair) settled() map[string]string {
	p.t.Helper()
	return p.rig.settled(10, p.running["a"], p.running["b"])
}

// kill kills the owner of a stream, waits until the other instance has it, and returns that one.
func (p *pair) kill(key string) *stage.Connector {
	p.t.Helper()
	owner := p.settled()[key]
	next := p.other(owner)
	p.running[owner].Kill()
	p.Until(30*time.Second, next.Instance+" takes "+key, func() bool {
		next.MustRun()
		return lineOf(next, key).Owner == next.Instance && len(pageOf(next).Members) == 1
	}, next.Tail)
	return next
}

// rests waits until the stream's new owner says that it is paused.
func (p *pair) rests(owner *stage.Connector, key string) {
	p.t.Helper()
	p.Until(10*time.Second, key+" is paused under its next owner", func() bool { return lineOf(owner, key).State == "paused" }, owner.Tail)
}

// on is a command on a stream.
func on(key, name string, arguments ...any) map[string]any {
	tenant, contentType, _ := strings.Cut(key, "/")
	all := map[string]any{"content_type": contentType}
	for i := 0; i+1 < len(arguments); i += 2 {
		all[arguments[i].(string)] = arguments[i+1]
	}
	return map[string]any{"command": name, "tenant": tenant, "arguments": all}
}

// field is a part of a reply's context.
func (a reply) field(path ...any) any {
	var context any
	_ = json.Unmarshal(a.Context, &context) // every reply keeps to the schema
	return at(context, path...)
}

// TestWishesSurviveTheirOwner kills owners of streams that were paused, moved, reset and back-filled. What was asked for
// is obeyed by the other instance.
func TestWishesSurviveTheirOwner(t *testing.T) {
	t.Parallel()
	r := newRig(t, stage.Parts{
		Tenants: stage.Tenant(first, "contoso") + stage.Tenant(second, "fabrikam"),
		Emulator: emulator.Config{
			Tenants: []emulator.Tenant{{ID: first}, {ID: second}}, Seed: 17, BacklogRecords: 4000, RecordsPerBlob: 5,
			Backlog: 50 * time.Minute, Rate: 10,
		},
	})
	p := &pair{rig: r, running: map[string]*stage.Connector{"a": r.Start("a", ""), "b": r.Start("b", "")}}
	mine := of(p.settled(), "a")
	r.Settled(time.Minute)
	r.overview(p)
	moved, reset, filled, cancelled := mine[0], mine[1], mine[2], mine[3]
	to := time.Now().UTC().Truncate(time.Second)
	span := []any{"start_time", stamp(to.Add(-time.Hour)), "end_time", stamp(to), "mode", "republish"}
	ids := map[string]string{}
	for _, key := range []string{filled, cancelled} {
		r.slow(key)
		ids[key] = fmt.Sprint(r.ask(key, on(key, "backfill", span...)).want(t, "accepted").field("backfill", "id"))
	}
	for _, key := range []string{filled, cancelled} {
		r.Until(20*time.Second, "the back-fill has begun", func() bool { return r.delivered(ids[key]) > 0 }, nil)
	}
	tenant, _, _ := strings.Cut(cancelled, "/")
	r.ask(cancelled, map[string]any{
		"command": "cancel", "tenant": tenant, "arguments": map[string]any{"backfill_id": ids[cancelled]},
	}).want(t, "done")
	marks := map[string]any{moved: stamp(to.Add(-30 * time.Minute))}
	for _, key := range []string{moved, reset} {
		r.ask(key, on(key, "pause")).want(t, "done")
	}
	r.ask(moved, on(moved, "checkpoint-set", "watermark", marks[moved])).want(t, "done")
	marks[reset] = r.ask(reset, on(reset, "checkpoint-reset")).want(t, "done").field("checkpoint", "watermark")

	next := p.kill(moved)
	broken := r.delivered(ids[cancelled])
	blobs := map[string]int{}
	for key, mark := range marks {
		p.rests(next, key)
		if is := r.ask(key, on(key, "checkpoint-show")).field("checkpoint", "streams", 0, "watermark"); is != mark {
			t.Errorf("the watermark of %s is %v, want %v", key, is, mark)
		}
		blobs[key] = r.requested(key)
	}
	r.Until(30*time.Second, "the next owner completes the back-fill", func() bool {
		return r.delivered(ids[filled]) == r.offered(filled, to)
	}, next.Tail)
	if n := r.delivered(ids[cancelled]); n != broken || n >= r.offered(cancelled, to) {
		t.Errorf("a cancelled back-fill has delivered %d of %d records, %d when its owner died", n, r.offered(cancelled, to), broken)
	}
	if state := r.ask(cancelled, on(cancelled, "checkpoint-show")).field("checkpoint", "streams", 0, "backfills", 0, "state"); state != "cancelled" {
		t.Errorf("the back-fill is %v, want cancelled", state)
	}
	for key := range marks {
		if n := r.requested(key); n != blobs[key] {
			t.Errorf("%d blobs of %s were read while it was paused", n-blobs[key], key)
		}
		r.ask(key, on(key, "resume")).want(t, "done")
	}

	next.Kill()
	last := p.Start("a", "")
	r.Until(30*time.Second, "streams that were resumed go on under their next owner", func() bool {
		for key := range marks {
			if l := lineOf(last, key); l.Owner != "a" || l.State == "paused" || l.Watermark == nil || !l.Watermark.After(to) {
				return false
			}
		}
		return r.requested(reset) >= blobs[reset]+80 // what a reset forgets is read again
	}, last.Tail)
	if again := r.requested(moved) - blobs[moved]; again > 40 {
		t.Errorf("%d blobs were read again that the ledger has", again)
	}
}

// requested is how many blobs of a stream were read.
func (r *rig) requested(key string) int {
	tenant, contentType, _ := strings.Cut(key, "/")
	return r.API.Stats().CountOf(tenant, contentType, "blob", "200")
}

// offered is how many records a stream had before a time.
func (r *rig) offered(key string, before time.Time) int {
	tenant, contentType, _ := strings.Cut(key, "/")
	n := 0
	for b := range r.API.Truth(tenant, contentType) {
		if b.Created.Before(before) {
			n += len(b.Records)
		}
	}
	return n
}

// slow has the next blobs of a stream take their time.
func (r *rig) slow(key string) {
	tenant, contentType, _ := strings.Cut(key, "/")
	r.fault(emulator.Fault{
		Kind: emulator.Slow, Tenant: tenant, ContentType: contentType, Operation: "blob", First: 80, Delay: 300 * time.Millisecond,
	})
}

// overview compares what both instances and the command line tell of the whole group.
func (r *rig) overview(p *pair) {
	r.t.Helper()
	owners := p.settled()
	for _, c := range p.running {
		told := pageOf(c)
		var all []string
		for _, m := range told.Members {
			all = append(all, m.Streams...)
			if !slices.Equal(m.Streams, of(owners, m.ID)) || m.Since.IsZero() || m.Host == "" {
				r.t.Errorf("%s tells of member %+v, but it owns %v", c.Instance, m, of(owners, m.ID))
			}
		}
		if told.Instance != c.Instance || len(told.Members) != 2 || len(all) != 10 {
			r.t.Errorf("%s tells of itself as %s, and of %d members with %d streams", c.Instance, told.Instance, len(told.Members), len(all))
		}
		for _, l := range told.Streams {
			if l.Watermark == nil || l.State == "unowned" || l.Owner != owners[l.key()] {
				r.t.Errorf("%s tells of %+v", c.Instance, l)
			}
		}
	}
	out := r.Call(r.t, "status", "--output=json", "--config", r.cli)
	var typed struct {
		Status struct {
			Streams []line   `json:"streams"`
			Members []member `json:"members"`
		} `json:"status"`
	}
	if err := json.Unmarshal([]byte(out.Stdout), &typed); err != nil || len(typed.Status.Streams) != 10 {
		r.t.Errorf("status on the command line: %v: %+v", err, out)
	}
	for _, l := range typed.Status.Streams {
		if l.Owner != owners[l.key()] {
			r.t.Errorf("the command line tells of %+v", l)
		}
	}
	for _, m := range typed.Status.Members {
		if !slices.Equal(m.Streams, of(owners, m.ID)) {
			r.t.Errorf("the command line tells of member %+v, but it owns %v", m, of(owners, m.ID))
		}
	}
	if len(typed.Status.Members) != 2 {
		r.t.Errorf("the command line tells of %d members, want 2", len(typed.Status.Members))
	}
}
