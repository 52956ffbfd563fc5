package testbed

import (
	"net/http"
	"testing"
)

// Browse follows a login URL as a browser does in which a person signs in at once, and returns the address that the
// browser is sent to.
func Browse(tb testing.TB, link string) string {
	tb.Helper()
	browser := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	request, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, link, nil)
	if err != nil {
		tb.Fatal(err)
	}
	page, err := browser.Do(request)
	if err != nil {
		tb.Fatal(err)
	}
	defer page.Body.Close()
	to, err := page.Location()
	if err != nil {
		tb.Fatalf("the login page answers %s", page.Status)
	}
	return to.String()
}
