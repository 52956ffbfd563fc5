package command_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/checkpoint"
	"o365-kafka-connector/internal/command"
	"o365-kafka-connector/internal/control"
	"o365-kafka-connector/internal/daemon"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/source"
	"o365-kafka-connector/internal/unit"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	contoso  = emulator.DefaultTenantID
	fabrikam = "33333333-3333-3333-3333-333333333333"
)

// rig is an executor with what it works with.
type rig struct {
	t        *testing.T
	executor *command.Executor
	store    checkpoint.Store
	api      *emulator.Emulator // nil if something else answers
	progress chan command.Progress
	down     error  // of the store
	asked    func() // after each question for a wish
	problems []string
	members  []control.Member
	away     error       // why the broker does not tell the members
	vanish   atomic.Bool // the broker is away from now on
	letters  letters
}

// asking tells when somebody has asked for a wish.
type asking struct {
	checkpoint.Store
	*rig
}

func (a asking) Wish(ctx context.Context, s audit.Stream) (audit.Wish, error) {
	w, err := a.Store.Wish(ctx, s)
	if a.asked != nil {
		a.asked()
	}
	return w, err
}

func stream(ct audit.ContentType) audit.Stream {
	return audit.Stream{Tenant: audit.Tenant{ID: contoso, Name: "contoso"}, ContentType: ct}
}

// newRig has an emulator for an API.
func newRig(t *testing.T, c emulator.Config, tenants ...string) *rig {
	t.Helper()
	c.Seed = 5
	c.StaticToken = "let-me-in"
	c.Tenants = []emulator.Tenant{{ID: contoso}, {ID: fabrikam}}
	api := emulator.New(c)
	r := rigFor(t, api, tenants...)
	r.api = api
	return r
}

// rigFor has any handler for an API. More tenants than contoso are given as YAML.
func rigFor(t *testing.T, api http.Handler, tenants ...string) *rig {
	t.Helper()
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	redis := miniredis.RunT(t)
	text := "tenants:\n"
	for _, entry := range append([]string{"id: " + contoso + ", name: contoso"}, tenants...) {
		text += fmt.Sprintf("  - {%s, base_url: %q, authority: %q, auth: {method: static, token: let-me-in}}\n", entry, server.URL, server.URL)
	}
	text += fmt.Sprintf("source: {proxy: false}\ncheckpoint: {redis: {addresses: [%q]}}\n", redis.Addr())
	cfg, err := config.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	store, err := checkpoint.Open(t.Context(), cfg.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, store: store, progress: make(chan command.Progress, 1000)}
	clients := map[string]*source.Client{}
	t.Cleanup(func() {
		for _, c := range clients {
			c.Close()
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	var mu sync.Mutex
	r.executor = command.New(command.Options{
		Letters: func() (command.Letters, error) { return r.letters, nil },
		Members: func(context.Context) ([]control.Member, error) {
			if r.vanish.Load() {
				return nil, errors.New("connection refused")
			}
			return r.members, r.away
		},
		Logins:   daemon.SignIns{Documents: store},
		Problems: func(context.Context) ([]string, error) { return r.problems, nil },
		Config:   cfg, Store: func() (checkpoint.Operator, error) { return asking{store, r}, r.down },
		Client: func(t config.Tenant) (*source.Client, error) {
			mu.Lock()
			defer mu.Unlock()
			if c := clients[t.ID]; c != nil {
				return c, nil
			}
			t.Source.Timeout = unit.Duration(5 * time.Second)
			c, err := daemon.NewClient(t, source.Options{})
			clients[t.ID] = c
			return c, err
		},
		Progress: func(p command.Progress) {
			select {
			case r.progress <- p:
			default:
			}
		},
	})
	return r
}

// answer is what came of a command.
type answer struct {
	outcome control.Outcome
	text    string
	context string // of a single part
	parts   []control.Reply
	err     error
}

// do does a command that is written as on the control topic.
func (r *rig) do(line string) answer { return r.doIn(r.t.Context(), line) }

func (r *rig) doIn(ctx context.Context, line string) answer {
	r.t.Helper()
	c, err := control.Parse([]byte(line), control.Origin{Topic: "control", Time: time.Now()}, time.Now())
	if err != nil {
		return answer{err: err}
	}
	c.ID = "" // each call is a command of its own
	return r.run(ctx, c)
}

func (r *rig) run(ctx context.Context, c control.Command) answer {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var a answer
	a.err = r.executor.Do(ctx, c, func(reply control.Reply) error {
		if !json.Valid(reply.Context) {
			r.t.Errorf("context is no JSON: %s", reply.Context)
		}
		a.outcome, a.context = reply.Outcome, string(reply.Context)
		a.text += reply.HumanReadable
		a.parts = append(a.parts, reply)
		return nil
	})
	return a
}

// want checks an answer of one part.
func (a answer) want(t *testing.T, outcome control.Outcome, text, context string) {
	t.Helper()
	if a.err != nil || a.outcome != outcome || a.text != text || a.context != context {
		t.Errorf("got %s %q %s (%v)\nwant %s %q %s", a.outcome, a.text, a.context, a.err, outcome, text, context)
	}
}

// refused checks that a command was not done.
func (a answer) refused(t *testing.T, outcome control.Outcome, words ...string) {
	t.Helper()
	if a.err == nil {
		t.Errorf("got %s %q, want a refusal", a.outcome, a.text)
		return
	}
	refusal := control.AsRefusal(a.err)
	if refusal.Outcome != outcome {
		t.Errorf("outcome %s (%v), want %s", refusal.Outcome, a.err, outcome)
	}
	for _, w := range words {
		if !strings.Contains(refusal.Error(), w) {
			t.Errorf("refusal %q lacks %q", refusal.Error(), w)
		}
	}
}

func (r *rig) wish(s audit.Stream) audit.Wish {
	r.t.Helper()
	w, err := r.store.Wish(r.t.Context(), s)
	if err != nil {
		r.t.Fatal(err)
	}
	return w
}

// report puts a status line as an owner does.
func (r *rig) report(s audit.Stream, state audit.State) {
	r.t.Helper()
	status := audit.StreamStatus{State: state, Owner: "one", BacklogBlobs: 7, PendingBlobs: 2}
	if err := r.store.PutStatus(r.t.Context(), s, status, time.Minute); err != nil {
		r.t.Error(err)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; rewrite with -update):\n%s", name, diff)
	}
}

func fixture(t *testing.T, name string, v any) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		t.Fatal(err)
	}
}
