package commands

import (
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/e2e/stage"
	"o365-kafka-connector/internal/emulator"
)

// groupRecords is how much of a stream may be on Kafka before the checkpoint knows: a group of 20 blobs.
const groupRecords = 20 * 5

// backlog is 500 blobs of each stream, of which some need a second try and some are never to be had, and new ones that
// keep coming.
func backlog(seed uint64, tenants ...string) emulator.Config {
	c := emulator.Config{
		Seed: seed, BacklogRecords: 500 * 5 * len(tenants) * 4, RecordsPerBlob: 4, Backlog: 50 * time.Minute, Rate: 10,
		Faults: []emulator.Fault{
			{Kind: emulator.Slow, Operation: "blob", Delay: 25 * time.Millisecond},
			{Kind: emulator.ServerError, Operation: "blob", Probability: 0.02, Status: 503},
			{Kind: emulator.LostBlob, Probability: 0.004},
		},
	}
	for _, id := range tenants {
		c.Tenants = append(c.Tenants, emulator.Tenant{ID: id})
	}
	return c
}

// unclaimed is how long before a stop a gap may begin: what becomes available between the last listing and the stop.
const unclaimed = 3 * time.Second

// promised yields what became available in a stopped stream before its gap, which must begin just before the stop.
func (r *rig) promised(key string) iter.Seq[emulator.TruthBlob] {
	r.t.Helper()
	tenant, contentType, _ := strings.Cut(key, "/")
	from, err := time.Parse(time.RFC3339, r.gapOf(key, false).From)
	if err != nil {
		r.t.Fatalf("the gap of %s: %v", key, err)
	}
	return func(yield func(emulator.TruthBlob) bool) {
		for b := range r.API.Truth(tenant, contentType) {
			late := b.Created.Sub(from)
			if late > unclaimed {
				r.t.Errorf("%s came %v after the gap had begun", b.ContentID, late)
			}
			if late < 0 && !yield(b) {
				return
			}
		}
	}
}

// whole fails the test unless everything is on Kafka, or a dead letter, that a stream promises. No more records may be
// there twice than owners that died can have left behind.
func (r *rig) whole(key string, kills int, promised iter.Seq[emulator.TruthBlob]) {
	r.t.Helper()
	var v emulator.Verdict
	var unread []string
	blobs := 0
	r.Until(20*time.Second, "all of "+key+" is delivered", func() bool {
		v = r.Tally.Compare(promised, nil)
		unread, blobs = nil, 0
		r.mu.Lock()
		defer r.mu.Unlock()
		for b := range promised {
			blobs++
			if b.Unavailable != "" && !r.letters[b.ContentID] {
				unread = append(unread, b.ContentID)
			}
		}
		return v.Lost == 0 && len(unread) == 0
	}, func() string { return fmt.Sprintf("%+v; neither read nor a dead letter: %v", v, unread) })
	if blobs < 500 || v.Delivered == 0 {
		r.t.Errorf("%s had %d blobs, of which %d records were delivered: the test is about 500", key, blobs, v.Delivered)
	}
	if v.Repeated > kills*groupRecords {
		r.t.Errorf("%s: %d records are there twice after %d kills", key, v.Repeated, kills)
	}
	r.t.Logf("%s: %d blobs, %+v", key, blobs, v)
}

// underWay waits until a stream has requested some blobs and is far from its end.
func (r *rig) underWay(key string, blobs int) {
	r.t.Helper()
	tenant, contentType, _ := strings.Cut(key, "/")
	n := 0
	r.Until(30*time.Second, "the backlog of "+key+" is under way", func() bool {
		n = r.API.Stats().CountOf(tenant, contentType, "blob", "200")
		return n >= blobs
	}, nil)
	if n > 450 {
		r.t.Errorf("%d of 500 blobs were read before the stop of %s", n, key)
	}
}

// gapOf waits for a gap with the cause stopped that has an end, or has none yet.
func (r *rig) gapOf(key string, ended bool) told {
	r.t.Helper()
	var gaps []told
	r.Until(30*time.Second, fmt.Sprintf("the gap of %s is told (ended: %t)", key, ended), func() bool {
		gaps = r.statusesOf("gap", func(m told) bool {
			return m.Tenant+"/"+m.ContentType == key && m.Cause == "stopped" && (m.To != "") == ended
		})
		return len(gaps) > 0
	}, nil)
	return gaps[len(gaps)-1]
}

// stopMessage is a stop of a stream, and the id of its command.
func (r *rig) stopMessage(key string) (id, value string) {
	tenant, contentType, _ := strings.Cut(key, "/")
	return r.message(map[string]any{
		"command": "stop-subscription", "tenant": tenant, "arguments": map[string]any{"content_type": contentType},
	})
}

// TestStopInABacklogLosesNothing stops streams with 500 blobs to read: before anybody runs, while they are read and
// their owner leaves, and by the command line while they have no owner. A start resumes them.
func TestStopInABacklogLosesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, stage.Parts{Emulator: backlog(11, first)})
	r.createTopic(r.Topic("control"), 12)
	early := first + "/" + emulator.DLP
	earlyID, value := r.stopMessage(early)
	r.produce(early, value)
	a, b := r.Start("a", ""), r.Start("b", "")
	owners := r.settled(5, a, b)
	delete(owners, early)
	leaver, stayer := b, a
	if len(of(owners, "b")) < 2 {
		leaver, stayer = a, b
	}
	key, orphan := of(owners, leaver.Instance)[0], of(owners, leaver.Instance)[1]
	r.underWay(key, 20)
	id, value := r.stopMessage(key)
	r.produce(key, value)
	leaver.Stop()
	out := r.Call(t, "stop-subscription", strings.TrimPrefix(orphan, first+"/"), "--config", r.cli)
	if want := "Successfully stopped subscription to content type: " + strings.TrimPrefix(orphan, first+"/") + "\n"; out.Code != 0 || out.Stdout != want {
		t.Errorf("stop by the command line: %+v", out)
	}
	r.whole(orphan, 0, r.promised(orphan))
	for key, id := range map[string]string{key: id, early: earlyID} {
		r.answer(id, 1)[0].want(t, "done")
		r.whole(key, 0, r.promised(key))
		tenant, contentType, _ := strings.Cut(key, "/")
		if n := r.API.Stats().CountOf(tenant, contentType, "stop", ""); n != 1 {
			t.Errorf("%s: %d stops, want 1", key, n)
		}
		if state := lineOf(stayer, key).State; state != "stopped" {
			t.Errorf("%s is %s, want stopped", key, state)
		}
	}
	out = r.Call(t, "start-subscription", strings.TrimPrefix(key, first+"/"), "--config", r.cli)
	if out.Code != 0 {
		t.Fatalf("start: %+v", out)
	}
	gap := r.gapOf(key, true)
	if gap.key != key+"/gap/"+gap.From {
		t.Errorf("gap %+v", gap)
	}
	resumed := time.Now()
	r.Until(30*time.Second, "the stream goes on", func() bool {
		l := lineOf(stayer, key)
		return l.Watermark != nil && l.Watermark.After(resumed) && slices.ContainsFunc(l.Gaps, func(g gapLine) bool {
			return g.Cause == "stopped" && g.To != nil
		})
	}, func() string { return fmt.Sprintf("%+v", lineOf(stayer, key)) })
	tenant, contentType, _ := strings.Cut(key, "/")
	r.whole(key, 0, r.API.Truth(tenant, contentType))
}

// TestKillsInAStop kills the owners of stopping streams at random moments: whoever is next completes the stop.
func TestKillsInAStop(t *testing.T) {
	t.Parallel()
	r := newRig(t, stage.Parts{
		Emulator: backlog(12, first, second), Tenants: stage.Tenant(first, "contoso") + stage.Tenant(second, "fabrikam"),
	})
	running := map[string]*stage.Connector{"a": r.Start("a", ""), "b": r.Start("b", "")}
	owners := r.settled(10, running["a"], running["b"])
	ids := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(owners)) {
		id, value := r.stopMessage(key)
		ids[key] = id
		r.produce(key, value)
	}
	victims := []string{"a", "b", "a", "b"}
	for seed, name := range victims {
		random := rand.New(rand.NewPCG(uint64(seed), 21))
		time.Sleep(300*time.Millisecond + time.Duration(random.Int64N(int64(2*time.Second))))
		running[name].Kill()
		running[name] = r.Start(name, "")
	}
	for key, id := range ids {
		tenant, contentType, _ := strings.Cut(key, "/")
		if got := r.answer(id, 1)[0]; got.Outcome != "done" && got.Outcome != "already_stopped" {
			t.Errorf("%s: %s", key, got.value)
		}
		r.whole(key, len(victims), r.promised(key))
		if n := r.API.Stats().CountOf(tenant, contentType, "stop", ""); n != 1 {
			t.Errorf("%s: %d stops, want 1", key, n)
		}
		state := func() string { return lineOf(running["a"], key).State }
		r.Until(10*time.Second, key+" is stopped", func() bool { return state() == "stopped" }, state)
	}
}
