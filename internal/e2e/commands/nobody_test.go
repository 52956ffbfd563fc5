package commands

import (
	"testing"
	"time"

	"o365-kafka-connector/internal/e2e/stage"
	"o365-kafka-connector/internal/emulator"
)

// TestInstanceThatOnlyServesCommands sends commands before anybody runs. An instance that fetches nothing does them
// when it comes, and another one that fetches gets all streams.
func TestInstanceThatOnlyServesCommands(t *testing.T) {
	t.Parallel()
	r := newRig(t, stage.Parts{Emulator: emulator.Config{Seed: 16, BacklogRecords: 500, Backlog: 30 * time.Minute, Rate: 5}})
	r.createTopic(r.Topic("control"), 12)
	key := first + "/" + emulator.Exchange
	pause, value := r.message(map[string]any{"command": "pause", "arguments": map[string]any{"content_type": emulator.Exchange}})
	r.produce(key, value)
	list, value := r.message(map[string]any{"command": "list-subscriptions"})
	r.produce("", value)
	server := r.Start("server", "fetch: false\n")
	r.answer(pause, 1)[0].want(t, "accepted")
	r.answer(list, 1)[0].want(t, "done")
	r.ask(first, map[string]any{"command": "status"}).want(t, "done")
	r.ask(first+"/"+emulator.DLP, map[string]any{
		"command": "stop-subscription", "arguments": map[string]any{"content_type": emulator.DLP},
	}).want(t, "done") // nobody is there who could read first
	if n := r.API.Stats().Count("blob", ""); n != 0 {
		t.Errorf("%d blobs were read, want none", n)
	}
	reader := r.Start("reader", "")
	r.Until(time.Minute, "the instance that fetches has all streams", func() bool {
		server.MustRun()
		for _, m := range pageOf(reader).Members {
			if want := map[string]int{"server": 0, "reader": 5}[m.ID]; len(m.Streams) != want {
				return false
			}
		}
		p := pageOf(reader)
		for _, l := range p.Streams {
			want := map[string]string{emulator.Exchange: "paused", emulator.DLP: "stopped"}[l.ContentType]
			if l.Owner != "reader" || want != "" && l.State != want {
				return false
			}
		}
		return len(p.Members) == 2 && len(p.Streams) == 5
	}, reader.Tail)
	if n := r.API.Stats().CountOf("", emulator.Exchange, "blob", ""); n != 0 {
		t.Errorf("%d blobs of a paused stream were read, want none", n)
	}
	r.ask(key, map[string]any{"command": "resume", "arguments": map[string]any{"content_type": emulator.Exchange}}).want(t, "done")
}
