package broker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"o365-kafka-connector/internal/audit"
)

// numbered hands out token-1 until it is renewed.
type numbered struct {
	n   int
	err error
}

func (s *numbered) Token(context.Context) (string, error) { return fmt.Sprintf("token-%d", s.n), s.err }

func (s *numbered) Renew(context.Context, string) (string, error) {
	if s.err == nil {
		s.n++
	}
	return s.Token(context.Background())
}

func (*numbered) Credentials() []audit.Credential { return nil }

// send begins a connection and returns the token that it sends, and its further course.
func send(t *testing.T, m *bearerMechanism) (string, *bearerExchange) {
	t.Helper()
	state, first, err := m.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	token, _ := strings.CutPrefix(string(first), "n,,\x01auth=Bearer ")
	token, ok := strings.CutSuffix(token, "\x01a=1\x01b=2\x01\x01")
	if !ok {
		t.Fatalf("sends %q", first)
	}
	return token, state.(*bearerExchange)
}

func TestRefusedTokenIsReplacedWhenItIsAMinuteOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &numbered{n: 1}
		m := newBearerMechanism(source, map[string]string{"b": "2", "a": "1"})
		refused := func(want string) {
			t.Helper()
			token, exchange := send(t, m)
			if token != want {
				t.Errorf("sends %s, want %s", token, want)
			}
			done, answer, err := exchange.Next(t.Context(), []byte(`{"status":"invalid_token"}`))
			if done || string(answer) != "\x01" || err != nil {
				t.Errorf("a refusal is answered by %t, %q, %v", done, answer, err)
			}
			if _, _, err := exchange.Next(t.Context(), nil); err == nil {
				t.Error("goes on after a refusal")
			}
		}
		refused("token-1")
		refused("token-1")
		time.Sleep(renewAfter)
		refused("token-2")
		refused("token-2")
		time.Sleep(renewAfter)
		source.err = errors.New("away")
		if _, _, err := m.Start(t.Context()); err == nil {
			t.Error("no error without a token")
		}
		source.err = nil
		refused("token-3")
		token, exchange := send(t, m)
		if done, answer, err := exchange.Next(t.Context(), nil); !done || answer != nil || err != nil {
			t.Errorf("success is answered by %t, %q, %v", done, answer, err)
		}
		time.Sleep(time.Hour)
		if again, _ := send(t, m); again != token {
			t.Errorf("a token that was taken in the end is replaced by %s", again)
		}
	})
}

// A fault of the token's source is none of a tenant.
func TestErrorOfATokenIsNoFaultOfATenant(t *testing.T) {
	m := newBearerMechanism(&numbered{err: &audit.Fault{Scope: audit.OfTenant, Hint: "do this", Err: errors.New("no")}}, nil)
	_, _, err := m.Start(t.Context())
	if _, ok := errors.AsType[*audit.Fault](err); ok || err == nil {
		t.Errorf("error %v", err)
	}
	if _, _, err := newBearerMechanism(&numbered{err: context.Canceled}, nil).Start(t.Context()); !errors.Is(err, context.Canceled) {
		t.Errorf("the end of the context becomes %v", err)
	}
}

// slow hands out a token after a while.
type slow struct {
	numbered

	after time.Duration
}

func (s *slow) Token(ctx context.Context) (string, error) {
	select {
	case <-time.After(s.after):
		return "token", nil
	case <-ctx.Done():
		return "", fmt.Errorf("ask: %w", ctx.Err())
	}
}

// A login host may take longer than a connection has, and is not taken for a broker if it says nothing.
func TestTokensMayTakeLongerThanConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := func(after time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), dialTimeout)
			defer cancel()
			_, _, err := newBearerMechanism(&slow{after: after}, nil).Start(ctx)
			return err
		}
		if err := start(2 * dialTimeout); err != nil {
			t.Error(err)
		}
		p := (&Conn{}).Explain(start(time.Hour), About{})
		if p == nil || p.Kind != NoToken || !strings.Contains(p.Hint, "login host") {
			t.Errorf("problem %+v", p)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, _, err := newBearerMechanism(&slow{after: time.Hour}, nil).Start(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestSubjectOfAToken(t *testing.T) {
	for token, want := range map[string]string{
		"": "", "opaque": "", "a.b.c": "", "x.e30.y": "", "x.eyJzdWIiOiJhbGljZSJ9.y": "alice", "x.eyJzdWIiOjF9.y": "",
	} {
		if got := subjectOf(token); got != want {
			t.Errorf("subject of %q is %q, want %q", token, got, want)
		}
	}
}
