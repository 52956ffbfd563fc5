package source_test

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/auth"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/secret"
	"o365-kafka-connector/internal/source"
	"o365-kafka-connector/internal/unit"
)

// tries is how often one page or blob is asked for before the test gives up.
const tries = 25

// collector reads everything that an emulator offers, the simplest way.
type collector struct {
	*source.Client
	faults map[audit.Cause]int
}

func newCollector(t *testing.T, server *httptest.Server) *collector {
	t.Helper()
	var login auth.Config
	login.SetDefaults()
	login.ClientID, login.ClientSecret = emulator.DefaultClientID, secret.String(emulator.DefaultClientSecret)
	keys, err := auth.New(login, auth.Options{TenantID: contoso.ID, Authority: server.URL, Resource: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	var c source.Config
	c.SetDefaults()
	c.Timeout, c.RequestsPerMinute = unit.Duration(300*time.Millisecond), 100_000
	client, err := source.New(c, source.Options{Tenant: contoso, BaseURL: server.URL, Tokens: keys})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &collector{Client: client, faults: map[audit.Cause]int{}}
}

// stream returns the Ids of a stream's blobs.
func (c *collector) stream(t *testing.T, ct audit.ContentType) map[string][]string {
	t.Helper()
	s := audit.Stream{Tenant: contoso, ContentType: ct}
	now := c.Now()
	w := audit.Window{Start: now.Add(-24 * time.Hour).Truncate(time.Second), End: now.Truncate(time.Second)}
	out := map[string][]string{}
	for attempt := range tries {
		if c.window(t, s, w, out) {
			return out
		}
		if attempt == tries-1 {
			t.Fatalf("%s: the window was never listed to its end", ct)
		}
	}
	return out
}

// window reports whether the window was listed to its end.
func (c *collector) window(t *testing.T, s audit.Stream, w audit.Window, out map[string][]string) bool {
	errs, whole := 0, true
	for b, err := range c.List(t.Context(), s, w) {
		if err == nil {
			if _, done := out[b.ID]; !done {
				out[b.ID] = c.blob(t, s, b)
			}
			continue
		}
		f := fault(t, err)
		c.faults[f.Cause]++
		whole = f.Cause != audit.CausePage && f.Cause != audit.CauseTooSlow && f.Cause != audit.CauseWindow
		if errs++; errs == tries {
			t.Fatalf("list %s: %v", s, err)
		}
	}
	return whole
}

func (c *collector) blob(t *testing.T, s audit.Stream, b audit.Blob) []string {
	t.Helper()
	for range tries {
		ids, err := c.records(t, s, b)
		if err == nil {
			return ids
		}
		f := fault(t, err)
		c.faults[f.Cause]++
		if f.Cause == audit.CauseExpired || f.Cause == audit.CauseNotFound {
			return []string{"unavailable"}
		}
	}
	t.Fatalf("blob %s was never read", b.ID)
	return nil
}

func (c *collector) records(t *testing.T, s audit.Stream, b audit.Blob) ([]string, error) {
	content, err := c.Fetch(t.Context(), s, b)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	var ids []string
	for r, err := range content.Records() {
		if err != nil {
			return nil, err
		}
		if r.Malformed == "" {
			ids = append(ids, string(r.Text(audit.FieldID)))
		}
	}
	return ids, nil
}

// TestAgainstTheEmulator reads everything although a fault stands in the way.
func TestAgainstTheEmulator(t *testing.T) {
	for name, test := range map[string]struct {
		faults []emulator.Fault
		want   audit.Cause // a fault that must have been met
	}{
		"undisturbed":      {},
		"tiny pages":       {faults: []emulator.Fault{{Kind: emulator.PageSize, Count: 3}}},
		"old page links":   {faults: []emulator.Fault{{Kind: emulator.PageSize, Count: 3}, {Kind: emulator.PageLinkOld}}},
		"empty pages":      {faults: []emulator.Fault{{Kind: emulator.PageSize, Count: 3}, {Kind: emulator.EmptyPage}}},
		"looping page":     {[]emulator.Fault{{Kind: emulator.PageSize, Count: 3}, {Kind: emulator.PageLoop, First: 2}}, audit.CausePage},
		"stale page":       {[]emulator.Fault{{Kind: emulator.PageSize, Count: 3}, {Kind: emulator.PageStale, First: 2}}, audit.CausePage},
		"foreign page":     {[]emulator.Fault{{Kind: emulator.PageSize, Count: 3}, {Kind: emulator.PageForeign, First: 2}}, audit.CausePage},
		"wrong addresses":  {faults: []emulator.Fault{{Kind: emulator.WrongURI}}},
		"expired blobs":    {[]emulator.Fault{{Kind: emulator.ExpiredListed, Probability: 0.3}}, audit.CauseExpired},
		"lost blobs":       {[]emulator.Fault{{Kind: emulator.LostBlob, Probability: 0.3}}, audit.CauseNotFound},
		"bad records":      {faults: []emulator.Fault{{Kind: emulator.BadRecord}}},
		"listed twice":     {faults: []emulator.Fault{{Kind: emulator.ListedTwice}}},
		"slow listing":     {[]emulator.Fault{{Kind: emulator.Slow, Operation: "content", Delay: 400 * time.Millisecond, First: 2}}, audit.CauseTimeout},
		"server errors":    {[]emulator.Fault{{Kind: emulator.ServerError, Probability: 0.3}}, audit.CauseServer},
		"HTML":             {[]emulator.Fault{{Kind: emulator.HTML, Probability: 0.3}}, audit.CauseServer},
		"expired tokens":   {faults: []emulator.Fault{{Kind: emulator.Unauthorized, First: 1}}},
		"throttled as 403": {[]emulator.Fault{{Kind: emulator.Throttle, Probability: 0.3}}, audit.CauseThrottled},
		"throttled as 429": {[]emulator.Fault{{Kind: emulator.Throttle, Probability: 0.3, Status: 429, SingleQuotes: true}}, audit.CauseThrottled},
		"cut bodies":       {[]emulator.Fault{{Kind: emulator.Cut, Operation: "blob", Probability: 0.5}}, audit.CauseCut},
		"no JSON":          {[]emulator.Fault{{Kind: emulator.NotJSON, Operation: "blob", Probability: 0.3}}, audit.CauseMalformed},
		"half JSON":        {[]emulator.Fault{{Kind: emulator.ShortJSON, Operation: "blob", Probability: 0.3}}, audit.CauseMalformed},
		"objects":          {[]emulator.Fault{{Kind: emulator.AsObject, Probability: 0.3}}, audit.CauseServer},
		"gzip":             {faults: []emulator.Fault{{Kind: emulator.Gzip}}},
		"chunked":          {faults: []emulator.Fault{{Kind: emulator.Chunked}}},
		"empty bodies":     {[]emulator.Fault{{Kind: emulator.EmptyReply, Operation: "blob", Probability: 0.3}}, audit.CauseMalformed},
		"short tokens":     {faults: []emulator.Fault{{Kind: emulator.TokenLifetime, Delay: time.Second}}},
		"clock":            {faults: []emulator.Fault{{Kind: emulator.ClockOffset, Delay: -90 * time.Second}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := emulator.New(emulator.Config{Seed: 1, BacklogRecords: 600, RecordsPerBlob: 10, Start: time.Now().Add(-5 * time.Minute), Backlog: 20 * time.Hour, Faults: test.faults})
			server := httptest.NewServer(e)
			defer server.Close()
			c := newCollector(t, server)
			for _, ct := range audit.ContentTypes() {
				got := c.stream(t, ct)
				want := map[string][]string{}
				for b := range e.Truth(contoso.ID, string(ct)) {
					want[b.ContentID] = b.Records
					if b.Unavailable != "" {
						want[b.ContentID] = []string{"unavailable"}
					}
				}
				if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
					t.Errorf("%s: %d blobs, -want +got\n%.2000s", ct, len(want), diff)
				}
			}
			if test.want != "" && c.faults[test.want] == 0 {
				t.Errorf("no %s among %s", test.want, fmt.Sprint(c.faults))
			}
			if offered := slices.Collect(e.Truth("", "")); len(offered) < 50 {
				t.Errorf("only %d blobs were offered", len(offered))
			}
		})
	}
}
