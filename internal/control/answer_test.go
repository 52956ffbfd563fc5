package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/unit"
)

// Answers that can be made again do not fill the store.
func TestLongAnswersOfReadersAreMadeAgain(t *testing.T) {
	onKafka(t, func(r *rig) {
		r.join("a", change{handle: func(m *member) Handler {
			return func(_ context.Context, c Command, emit func(Reply) error) error {
				if err := m.did(c, func(Reply) error { return nil }); err != nil || c.ID == "short" {
					return emit(Reply{})
				}
				return emit(Reply{HumanReadable: strings.Repeat("x", maxKeptReading+1)})
			}
		}})
		r.whole(10*time.Second, "a")
		for id, name := range map[string]Name{"status": ShowStatus, "login": GenerateLoginURL, "short": ShowStatus} {
			for n := range 2 {
				r.send("x", fmt.Sprintf(`{"id":%q,"command":%q}`, id, name))
				if got := r.answersTo(id, n+1); len(got) != n+1 || got[n].Outcome != OutcomeDone {
					t.Errorf("%d answers", len(got))
				}
			}
		}
		for id, want := range map[string]int{"status": 2, "login": 1, "short": 1} {
			if n := r.effects(id); n != want {
				t.Errorf("%s was done %d times, want %d", id, n, want)
			}
		}
		r.answers.mu.Lock()
		defer r.answers.mu.Unlock()
		if len(r.answers.answers) != 2 {
			t.Errorf("%d answers are kept, want 2", len(r.answers.answers))
		}
	})
}

func TestAStoreThatRefusesIsTold(t *testing.T) {
	for name, want := range map[Name]bool{ShowStatus: true, Pause: false} {
		t.Run(string(name), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var logs bytes.Buffer
				store := newMemory()
				store.setDown(&audit.Fault{Cause: audit.CauseCheckpoint, Hint: "grant SCRIPT", Err: errors.New("NOPERM")})
				n := &generation{Group: &Group{
					log: slog.New(slog.NewTextHandler(&logs, nil)), options: Options{Answers: store},
					config: Config{SessionTimeout: unit.Duration(10 * time.Second)},
				}}
				began := time.Now()
				before, claimed, err := n.claim(t.Context(), n.newAnswer(Command{ID: "c", Name: name}), began.Add(time.Hour))
				took := time.Since(began)
				if before != nil || claimed || want != (err == nil) {
					t.Errorf("%v, %v, %v", before, claimed, err)
				}
				if want && (took < unclaimed || took > 2*unclaimed) || !want && took < time.Hour {
					t.Errorf("it took %v", took)
				}
				if text := logs.String(); strings.Count(text, "\n") != 1 || !has(text, "level=WARN", "id=c", "NOPERM", `hint="grant SCRIPT"`) {
					t.Errorf("log:\n%s", text)
				}
			})
		})
	}
}
