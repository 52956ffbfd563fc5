package commands

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"o365-kafka-connector/internal/e2e/stage"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed"
)

// old is a deployment whose Redis and offsets can be lost, and the commands that were done on its stream.
type old struct {
	*rig
	redis  *testbed.Server
	key    string
	ids    []string
	values []string // of the answers
}

func newOld(t *testing.T, control string) *old {
	t.Helper()
	redis := testbed.OwnRedis(t)
	return &old{
		rig: newRig(t, stage.Parts{
			Emulator: emulator.Config{Seed: 15, BacklogRecords: 500, Backlog: 30 * time.Minute, Rate: 5}, Redis: redis.Addr, Control: control,
		}),
		redis: redis, key: first + "/" + emulator.SharePoint,
	}
}

// commands stops the stream, starts it and pauses another one.
func (o *old) commands() {
	o.t.Helper()
	for _, c := range []struct{ name, contentType string }{
		{"stop-subscription", emulator.SharePoint}, {"start-subscription", emulator.SharePoint}, {"pause", emulator.Exchange}, {"resume", emulator.Exchange},
	} {
		got := o.ask(first+"/"+c.contentType, map[string]any{
			"command": c.name, "tenant": first, "arguments": map[string]any{"content_type": c.contentType},
		}).want(o.t, "done")
		o.ids, o.values = append(o.ids, got.ID), append(o.values, got.value)
	}
	o.undone("at first")
}

// undone fails the test unless each command was done once: the subscription is on, and no stream rests.
func (o *old) undone(when string) {
	o.t.Helper()
	stats := o.API.Stats()
	if stops, starts := stats.Count("stop", ""), stats.Count("start", ""); stops != 1 || starts != 1 {
		o.t.Errorf("%s: %d stops and %d starts, want one of each", when, stops, starts)
	}
}

// runs waits until all streams are read.
func (o *old) runs(c *stage.Connector, since time.Time) {
	o.t.Helper()
	o.Until(time.Minute, "all streams are read", func() bool {
		p := pageOf(c)
		n := 0
		for _, l := range p.Streams {
			if l.Owner == c.Instance && l.State != "paused" && l.State != "stopped" && l.Watermark != nil && l.Watermark.After(since) {
				n++
			}
		}
		return n == 5
	}, c.Tail)
}

// flush empties Redis.
func (o *old) flush() {
	o.t.Helper()
	client := redis.NewClient(&redis.Options{Addr: o.redis.Addr})
	defer client.Close()
	if err := client.FlushAll(o.t.Context()).Err(); err != nil {
		o.t.Fatal(err)
	}
}

// forget deletes the group with its offsets, once nobody is in it any more.
func (o *old) forget() {
	o.t.Helper()
	var err error
	o.Until(20*time.Second, "the group is deleted", func() bool {
		ctx, cancel := context.WithTimeout(o.t.Context(), 10*time.Second)
		defer cancel()
		req := kmsg.NewPtrDeleteGroupsRequest()
		req.Groups = []string{o.Name}
		var res *kmsg.DeleteGroupsResponse
		if res, err = req.RequestWith(ctx, o.producer); err == nil {
			err = kerr.ErrorForCode(res.Groups[0].ErrorCode)
		}
		return err == nil
	}, func() string { return err.Error() })
}

// TestOldCommandsAreNotDoneAgain loses the offsets of the group, then what Redis remembers.
func TestOldCommandsAreNotDoneAgain(t *testing.T) {
	t.Parallel()
	o := newOld(t, "")
	c := o.Start("a", "")
	o.settled(5, c)
	o.commands()
	c.Stop()

	o.forget()
	began := time.Now()
	c = o.Start("a", "")
	for i, id := range o.ids {
		if again := o.answer(id, 2)[0]; again.value != o.values[i] {
			t.Errorf("without offsets, a command that was answered %s is answered %s", o.values[i], again.value)
		}
	}
	o.runs(c, began)
	o.undone("without offsets")

	o.flush() // while it runs
	o.works(o.key)
	c.Stop()
	o.flush() // and while it does not
	began = time.Now()
	c = o.Start("a", "")
	o.works(o.key)
	o.runs(c, began)
	o.undone("without Redis")
	for _, id := range o.ids {
		o.mu.Lock()
		if n := len(o.replies[id]); n != 2 {
			t.Errorf("command %s was answered %d times, want 2", id, n)
		}
		o.mu.Unlock()
	}
}

// TestCommandsOlderThanMaxAgeExpire has a group rest for longer than max_age, and lose everything meanwhile.
func TestCommandsOlderThanMaxAgeExpire(t *testing.T) {
	t.Parallel()
	const maxAge = 15 * time.Second
	o := newOld(t, "max_age: "+maxAge.String())
	c := o.Start("a", "")
	o.settled(5, c)
	o.commands()
	c.Stop()
	late, value := o.message(map[string]any{"command": "stop-subscription", "arguments": map[string]any{"content_type": emulator.General}})
	o.produce(first+"/"+emulator.General, value)
	sent := time.Now()
	o.forget()
	o.flush()
	o.Until(2*maxAge, "the commands are old", func() bool { return time.Since(sent) > maxAge }, nil)
	began := time.Now()
	c = o.Start("a", "")
	for i, id := range o.ids {
		again := o.answer(id, 2)[0]
		if again.Outcome != "expired" {
			t.Errorf("a command that is too old, and was answered %s, is answered %s", o.values[i], again.value)
		}
	}
	o.answer(late, 1)[0].want(t, "expired")
	o.works(o.key)
	o.runs(c, began)
	o.undone("after max_age")
	if !strings.Contains(o.answer(late, 1)[0].HumanReadable, "is not done now") {
		t.Errorf("reply %s", o.answer(late, 1)[0].value)
	}
}
