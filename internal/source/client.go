// Package source reads the Office 365 Management Activity API: which subscriptions there are, which blobs became
// available in a window, and the records of a blob, cut out of the answer while it arrives.
//
// Every error that the API or the network causes is an *audit.Fault. Nothing is tried again here but a request that
// needed a fresh token, a blob that needed its address rebuilt, and asking a request budget that is away for a moment:
// when to try again is the caller's decision.
//
// Addresses from outside (contentUri, NextPageUri, redirects) are followed only to the configured scheme and host,
// since each request carries the tenant's token.
//
// https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-reference
package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"o365-kafka-connector/internal/audit"
)

// Tokens hands out the tenant's access token. Its errors are passed on as they are.
type Tokens interface {
	// Token returns a token that should work.
	Token(ctx context.Context) (string, error)
	// Renew returns another token than stale, which the API refused.
	Renew(ctx context.Context, stale string) (string, error)
}

// Options says whose log is read, and where.
type Options struct {
	Tenant              audit.Tenant
	BaseURL             string // scheme and host, as https://manage.office.com; a trailing /api/v1.0/ is accepted
	PublisherIdentifier string // default: the tenant's id
	Tokens              Tokens
	Budget              Budget       // nil: a LocalBudget of the client's own
	Meter               Meter        // may be nil
	Logger              *slog.Logger // may be nil
}

// Client reads the log of one tenant. Calls may be concurrent.
type Client struct {
	tenant   audit.Tenant
	timeout  time.Duration
	address  *address
	http     *http.Client
	tokens   Tokens
	meter    Meter
	clock    *clock
	throttle *throttle
	patience *patience
	suspects *suspects
	roles    *roles
	back     bool // its requests are in the background
}

// New returns the client of a tenant. It sends no request.
func New(c Config, o Options) (*Client, error) {
	if o.Tokens == nil {
		return nil, errors.New("make client: no source of tokens")
	}
	if o.Budget == nil {
		o.Budget = NewLocalBudget()
	}
	if o.Meter == nil {
		o.Meter = noMeter{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	address, err := newAddress(o, c.Insecure)
	if err != nil {
		return nil, err
	}
	httpClient, err := newHTTPClient(c)
	if err != nil {
		return nil, err
	}
	return &Client{
		tenant: o.Tenant, timeout: c.Timeout.D(), address: address, http: httpClient, tokens: o.Tokens, meter: o.Meter,
		clock:    &clock{logger: o.Logger.With("tenant_name", o.Tenant.Name)},
		throttle: newThrottle(o.Budget, o.Meter, audit.Demand{Tenant: o.Tenant.ID, PerMinute: c.RequestsPerMinute}),
		patience: newPatience(c.Timeout.D()),
		suspects: &suspects{}, roles: &roles{},
	}, nil
}

// Background returns the same client for back-fills: its requests wait for all others of the tenant, and take at most
// half of what those leave of the request budget. One of the two is closed for both.
func (c *Client) Background() *Client {
	behind := *c
	behind.back = true
	return &behind
}

// Now is the service's clock as far as the last answers tell; the local one before the first answer and while the two
// hardly differ.
func (c *Client) Now() time.Time { return c.clock.now() }

// Close gives idle connections up. Contents that are still open must be closed by whoever holds them.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// suspects remembers blobs whose body was malformed. The next body of a suspect is hashed while it arrives, which
// would cost all others a good part of the time that reading takes.
type suspects struct {
	mu    sync.Mutex // guards the following
	blobs map[audit.Hash]struct{}
}

// maxSuspects bounds the memory: beyond it all are forgotten, and are found again.
const maxSuspects = 10_000

func (s *suspects) add(h audit.Hash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.blobs == nil || len(s.blobs) >= maxSuspects {
		s.blobs = map[audit.Hash]struct{}{}
	}
	s.blobs[h] = struct{}{}
}

func (s *suspects) has(h audit.Hash) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.blobs[h]
	return ok
}

func (s *suspects) remove(h audit.Hash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.blobs, h)
}

// malformed is the fault of an answer that arrived and makes no sense.
func malformed(operation, format string, args ...any) *audit.Fault {
	return &audit.Fault{
		Cause: audit.CauseMalformed, Scope: audit.OfBlob, Hint: "Microsoft delivers it this way; it is tried again by itself",
		Err: fmt.Errorf(operation+": "+format, args...),
	}
}
