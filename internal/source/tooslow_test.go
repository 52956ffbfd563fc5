package source

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/unit"
)

type oneToken struct{}

func (oneToken) Token(context.Context) (string, error)         { return "t", nil }
func (oneToken) Renew(context.Context, string) (string, error) { return "t", nil }

func TestListingThatIsTooSlowEndsByItself(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer server.Close()
	c := Config{Timeout: unit.Duration(50 * time.Millisecond), RequestsPerMinute: 1000}
	client, err := New(c, Options{Tenant: audit.Tenant{ID: "t"}, BaseURL: server.URL, Tokens: oneToken{}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	client.patience.longest = 150 * time.Millisecond

	w := audit.Window{Start: time.Now(), End: time.Now().Add(time.Hour)}
	var got []audit.Cause
	for _, err := range client.List(t.Context(), audit.Stream{}, w) {
		got = append(got, audit.AsFault(err, "").Cause)
	}
	want := []audit.Cause{audit.CauseTimeout, audit.CauseTimeout, audit.CauseTooSlow}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("causes %v, want %v", got, want)
	}
}
