package emulator

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
)

// RequestCount is how often an operation was answered with a code.
type RequestCount struct {
	Tenant      string `json:"tenant,omitempty"`
	ContentType string `json:"content_type,omitempty"`
	Operation   string `json:"operation"` // token, start, stop, subscriptions, content, page, blob, notifications, sensitive-types, unknown
	Code        string `json:"code"`      // the status, and the error's code: "200", "200 cut", "400 AF20024", "401", "gone"
	Count       int    `json:"count"`
}

// Stats is what clients did.
type Stats struct {
	Requests         []RequestCount `json:"requests"`
	TokensIssued     map[string]int `json:"tokens_issued"`                // by tenant
	StrayTokens      int            `json:"stray_tokens"`                 // requests with a bearer token on a path that is not the API's
	MissingPublisher int            `json:"missing_publisher_identifier"` // API requests without PublisherIdentifier
	BytesSent        int64          `json:"bytes_sent"`                   // in bodies of successful answers
}

// Count adds up the requests of an operation that were answered with a code. An empty string stands for any.
func (s Stats) Count(operation, code string) int {
	return s.CountOf("", "", operation, code)
}

// CountOf is Count for a tenant and a content type. An empty string stands for any.
func (s Stats) CountOf(tenant, contentType, operation, code string) int {
	n := 0
	for _, r := range s.Requests {
		if (tenant == "" || tenant == r.Tenant) && (contentType == "" || contentType == r.ContentType) &&
			(operation == "" || operation == r.Operation) && (code == "" || code == r.Code) {
			n += r.Count
		}
	}
	return n
}

// statistics counts what clients do.
type statistics struct {
	bytes atomic.Int64

	mu       sync.Mutex
	requests map[RequestCount]int
	tokens   map[string]int
	stray    int
	missing  int
}

func newStatistics() *statistics {
	return &statistics{requests: map[RequestCount]int{}, tokens: map[string]int{}}
}

func (s *statistics) missingPublisher() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.missing++
}

func (s *statistics) issued(tenant string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[tenant]++
}

// record counts the call, once.
func (c *call) record() {
	if c.answered == "" {
		return
	}
	s := c.e.stats
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests[RequestCount{Tenant: c.tenantID, ContentType: c.contentType, Operation: c.operation, Code: c.answered}]++
	c.answered = ""
}

// noteStrayToken counts a bearer token that was sent where none belongs.
func (c *call) noteStrayToken() {
	if c.r.Header.Get("Authorization") == "" {
		return
	}
	s := c.e.stats
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stray++
}

// Stats returns what clients did so far.
func (e *Emulator) Stats() Stats {
	s := e.stats
	s.mu.Lock()
	defer s.mu.Unlock()
	out := Stats{
		Requests: []RequestCount{}, TokensIssued: map[string]int{}, StrayTokens: s.stray, MissingPublisher: s.missing,
		BytesSent: s.bytes.Load(),
	}
	for r, n := range s.requests {
		r.Count = n
		out.Requests = append(out.Requests, r)
	}
	for tenant, n := range s.tokens {
		out.TokensIssued[tenant] = n
	}
	slices.SortFunc(out.Requests, func(a, b RequestCount) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.ContentType, b.ContentType),
			cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Code, b.Code))
	})
	return out
}

func (c *call) serveStats() {
	body, err := json.MarshalIndent(c.e.Stats(), "", "  ")
	c.ownPage(http.StatusOK, body, err)
}
