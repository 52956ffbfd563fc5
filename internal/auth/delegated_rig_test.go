package auth_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/auth"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/secret"
	"o365-kafka-connector/internal/testbed"
)

const (
	keyA = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	keyB = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="
	back = "http://localhost:8400/back"
)

// shelf is a store of documents in memory.
type shelf struct {
	mu   sync.Mutex // guards the following
	all  map[string][]byte
	gone bool  // the store is away
	held int   // how many changes are still made before the store goes away; negative: any
	kept []any // every text that was ever stored
}

func newShelf() *shelf { return &shelf{all: map[string][]byte{}, held: -1} }

var errAway = errors.New("the store is away")

func (s *shelf) Document(ctx context.Context, tenant, kind string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return nil, errAway
	}
	return s.all[tenant+"/"+kind], ctx.Err()
}

func (s *shelf) SwapDocument(ctx context.Context, c audit.DocumentSwap) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.Kind == "signin" && s.held == 0 {
		s.gone = true
	}
	if s.gone || ctx.Err() != nil {
		return false, errors.Join(errAway, ctx.Err())
	}
	if c.Kind == "signin" && s.held > 0 {
		s.held--
	}
	key := c.Tenant + "/" + c.Kind
	if bytes.Equal(s.all[key], c.New) {
		return true, nil
	}
	if !bytes.Equal(s.all[key], c.Old) {
		return false, nil
	}
	s.all[key] = c.New
	s.kept = append(s.kept, string(c.New))
	return true, nil
}

func (s *shelf) away(gone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone, s.held = gone, -1
}

func (s *shelf) get(kind string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[emulator.DefaultTenantID+"/"+kind]
}

func (s *shelf) set(kind string, value []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[emulator.DefaultTenantID+"/"+kind] = value
}

// people is an emulator where people sign in, and a store that several instances share.
type people struct {
	*emulator.Emulator
	t      *testing.T
	url    string
	shelf  *shelf
	log    *syncBuffer
	config auth.Config
}

// syncBuffer is a log that may be read while it is written.
type syncBuffer struct {
	mu  sync.Mutex // guards the following
	out bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out.String()
}

func newPeople(t *testing.T, c emulator.Config) *people {
	t.Helper()
	e := emulator.New(c)
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	p := &people{Emulator: e, t: t, url: server.URL, shelf: newShelf(), log: &syncBuffer{}}
	p.config.SetDefaults()
	p.config.Method, p.config.RedirectURI = auth.MethodAuthorizationCode, back
	p.config.ClientID, p.config.ClientSecret = emulator.DefaultClientID, emulator.DefaultClientSecret
	p.config.TokenStore.Key = keyA
	return p
}

func (p *people) options() auth.Options {
	return auth.Options{
		TenantID: emulator.DefaultTenantID, Authority: p.url, Resource: p.url, Documents: p.shelf,
		Log: slog.New(slog.NewTextHandler(p.log, nil)),
	}
}

// instance is a process with the configuration as it is now.
func (p *people) instance() *auth.Delegated {
	p.t.Helper()
	d, err := auth.NewDelegated(p.config, p.options())
	if err != nil {
		p.t.Fatal(err)
	}
	return d
}

// source has the tokens of a further process.
func (p *people) source() *auth.TokenSource {
	p.t.Helper()
	s, err := auth.New(p.config, p.options())
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// begin has an instance make a login URL.
func (p *people) begin(d *auth.Delegated) string {
	p.t.Helper()
	link, err := d.Begin(p.t.Context(), "")
	if err != nil {
		p.t.Fatal(err)
	}
	return link
}

// code signs in somewhere and returns the bare code.
func (p *people) code() string {
	p.t.Helper()
	return codeOf(p.t, testbed.Browse(p.t, p.begin(p.instance())))
}

func codeOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil || u.Query().Get("code") == "" {
		t.Fatalf("%s holds no code", address)
	}
	return u.Query().Get("code")
}

// signedIn signs in by an instance.
func (p *people) signedIn() *auth.Delegated {
	p.t.Helper()
	d := p.instance()
	if err := d.Redeem(p.t.Context(), secret.String(testbed.Browse(p.t, p.begin(d)))); err != nil {
		p.t.Fatal(err)
	}
	return d
}

func (p *people) token(s *auth.TokenSource) string {
	p.t.Helper()
	value, err := s.Token(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return value
}

// refusedWith returns the fault that a source answers with.
func (p *people) refusedWith(s *auth.TokenSource, parts ...string) *audit.Fault {
	p.t.Helper()
	_, err := s.Token(p.t.Context())
	return wantFault(p.t, err, parts...)
}

// wantFault checks that an error or its hint holds some words, and no secret.
func wantFault(t *testing.T, err error, parts ...string) *audit.Fault {
	t.Helper()
	f, ok := errors.AsType[*audit.Fault](err)
	if !ok {
		t.Fatalf("error %v is no fault", err)
	}
	for _, part := range parts {
		if !strings.Contains(f.Error()+"\n"+f.Hint, part) {
			t.Errorf("error %v, hint %q lack %q", err, f.Hint, part)
		}
	}
	for _, part := range []string{"0.code-", "1.refresh-", "eyJ", emulator.DefaultClientSecret} {
		if strings.Contains(f.Error()+f.Hint, part) {
			t.Errorf("error %v tells a secret", err)
		}
	}
	return f
}

func (p *people) wantSignIns(want emulator.SignIns) {
	p.t.Helper()
	if got := p.SignIns(emulator.DefaultTenantID); got != want {
		p.t.Errorf("sign-ins %+v, want %+v", got, want)
	}
}

func eventually(t *testing.T, what string, good func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !good(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what + " does not come true")
		}
	}
}
