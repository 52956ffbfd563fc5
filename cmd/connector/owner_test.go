package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/emulator"
)

// delivered counts the records of a content type in a file of events.
func delivered(t *testing.T, path, contentType string) *emulator.Tally {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tally := emulator.NewTally()
	for line := range strings.Lines(string(text)) {
		var event struct {
			MicrosoftManagement struct {
				ContentRecord map[string]any
				Source        struct{ ContentType, ContentID string }
			}
		}
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatal(err)
		}
		if from := event.MicrosoftManagement.Source; from.ContentType == contentType {
			id, _ := event.MicrosoftManagement.ContentRecord["ID"].(string)
			tally.Add(from.ContentID, id)
		}
	}
	return tally
}

func states(t *testing.T, stdout string) map[audit.ContentType]audit.State {
	t.Helper()
	var answer struct {
		Status struct{ Streams []audit.StreamStatus }
	}
	if err := json.Unmarshal([]byte(stdout), &answer); err != nil {
		t.Fatalf("%v: %s", err, stdout)
	}
	out := map[audit.ContentType]audit.State{}
	for _, s := range answer.Status.Streams {
		out[s.ContentType] = s.State
	}
	return out
}

// The commands of this process are obeyed by the connector in another one.
func TestAnOwnerObeysCommands(t *testing.T) {
	r := newRig(t, emulator.Config{
		BacklogRecords: 5000, Backlog: 50 * time.Minute, RecordsPerBlob: 5, // 200 blobs of each content type
		Faults: []emulator.Fault{{Kind: emulator.Slow, Operation: "blob", ContentType: emulator.Exchange, Delay: 50 * time.Millisecond}},
	})
	events := filepath.Join(t.TempDir(), "events.jsonl")
	p := r.start("sink: {kind: file, path: " + events + "}\n")
	path := r.config(r.tenant(), "")
	p.await("/readyz", func(code int, _ string) bool { return code == 200 })
	do := func(want string, args ...string) {
		t.Helper()
		got := call(t, append(args, "--config", path)...)
		if got.code != exitDone || got.stdout != want {
			t.Errorf("%v: %+v\nwant %q\nlog:\n%s", args, got, want, p.stderr)
		}
	}
	for range 100 { // the owner has to tell first that it is there
		if states(t, call(t, "status", "--output=json", "--config", path).stdout)[audit.General] != audit.StateUnowned {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	do("Successfully stopped subscription to content type: Audit.Exchange\n", "stop-subscription", "Audit.Exchange")
	do("Stream contoso/Audit.General is paused\n", "pause", "Audit.General")
	got := states(t, call(t, "status", "--output=json", "--config", path).stdout)
	if got[audit.General] != audit.StatePaused || got[audit.Exchange] != audit.StateStopped {
		t.Errorf("states: %v", got)
	}
	do("Stream contoso/Audit.General is resumed\n", "resume", "Audit.General")
	if n := r.api.Stats().Count("stop", "200"); n != 1 {
		t.Errorf("%d stops, want 1", n)
	}
	p.end(exitDone)
	verdict := delivered(t, events, emulator.Exchange).Compare(r.api.Truth(emulator.DefaultTenantID, emulator.Exchange), nil)
	if verdict.Lost > 0 || verdict.Delivered == 0 {
		t.Errorf("the stop has lost something: %+v", verdict)
	}
}
