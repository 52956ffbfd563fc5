package source_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/audit"
)

func TestForeignContentURI(t *testing.T) {
	foreign := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		t.Errorf("request to a foreign host, authorization %q", q.Header.Get("Authorization"))
	}))
	defer foreign.Close()
	var paths []string
	r := newRig(t, func(w http.ResponseWriter, q *http.Request) {
		paths = append(paths, q.URL.EscapedPath())
		fmt.Fprint(w, "[1]")
	})
	for _, test := range []struct{ uri, id, want string }{
		{foreign.URL + root + "/audit/a$b", "a$b", root + "/audit/a$b"},
		{"http://localhost/other/activity/feed/audit/a", "a", root + "/audit/a"},
		{r.server.URL + "/other", "a", root + "/audit/a"},
		{r.server.URL + strings.Replace(root, "1111", "2222", 1) + "/audit/a", "a", root + "/audit/a"},
		{r.server.URL + root + "/audit/../subscriptions/stop", "a", root + "/audit/a"},
		{strings.Replace(r.server.URL, "http:", "https:", 1) + root + "/audit/a", "a", root + "/audit/a"},
		{strings.Replace(r.server.URL, "//", "//user:pw@", 1) + root + "/audit/a", "a", root + "/audit/a"},
		{"", "a/b?c", root + "/audit/a%2Fb%3Fc"},
		{"::", "a", root + "/audit/a"},
		{r.server.URL + root + "/Audit/a$b?x=y#z", "other", root + "/Audit/a$b"},
		{r.server.URL + strings.Replace(root, "v1.0", "v1", 1) + "/audit/a", "a", strings.Replace(root, "v1.0", "v1", 1) + "/audit/a"},
	} {
		paths = nil
		if _, err := r.fetch(t, audit.Blob{ID: test.id, URI: test.uri}); err != nil {
			t.Errorf("%s: %v", test.uri, err)
		}
		if diff := cmp.Diff([]string{test.want}, paths); diff != "" {
			t.Errorf("%s: %s", test.uri, diff)
		}
	}
	for _, id := range []string{"", ".", "..", "a/../b"} {
		paths = nil
		_, err := r.fetch(t, audit.Blob{ID: id})
		if wantFault(t, err, audit.CauseBadContentID, audit.OfBlob); paths != nil {
			t.Errorf("%q: requests %v", id, paths)
		}
	}
}

func TestRefusedAddressIsRebuiltOnce(t *testing.T) {
	for name, good := range map[string]string{"rebuilt works": root + "/audit/a", "nothing works": "none"} {
		t.Run(name, func(t *testing.T) {
			requests := 0
			r := newRig(t, func(w http.ResponseWriter, q *http.Request) {
				if requests++; q.URL.Path == good {
					fmt.Fprint(w, "[1]")
					return
				}
				reply(400, envelope("AF20052", "Blob key a in the url is invalid"))(w, q)
			})
			_, err := r.fetch(t, audit.Blob{ID: "a", URI: r.server.URL + root + "/audit/a$twisted"})
			if requests != 2 {
				t.Errorf("%d requests", requests)
			}
			if good != "none" && err != nil {
				t.Error(err)
			}
			if good == "none" {
				wantFault(t, err, audit.CauseBadContentID, audit.OfBlob)
			}
		})
	}
}

func TestExpiredBlobIsNotAskedFor(t *testing.T) {
	fetched := false
	r := newRig(t, func(w http.ResponseWriter, q *http.Request) {
		fetched = fetched || strings.Contains(q.URL.Path, "/audit/")
		fmt.Fprint(w, "[]")
	})
	b := r.blob("a")
	b.Expires = time.Now().Add(-time.Minute)
	if _, err := r.fetch(t, b); err != nil || !fetched {
		t.Errorf("before any answer the clock is not known: error %v", err)
	}
	fetched = false
	_, err := r.fetch(t, b)
	wantFault(t, err, audit.CauseExpired, audit.OfBlob)
	if fetched {
		t.Error("an expired blob was asked for")
	}
	b.Expires = time.Now().Add(time.Minute)
	if _, err := r.fetch(t, b); err != nil || !fetched {
		t.Errorf("error %v", err)
	}
}

func TestSize(t *testing.T) {
	body := []byte(`[{"Id":"1"},{"Id":"2"}]`)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write(body)
	_ = z.Close()
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		size   int64
	}{
		{"plain", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			_, _ = w.Write(body)
		}, int64(len(body))},
		{"chunked", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(body[:5])
			w.(http.Flusher).Flush()
			_, _ = w.Write(body[5:])
		}, -1},
		{"gzip", func(w http.ResponseWriter, q *http.Request) {
			if q.Header.Get("Accept-Encoding") != "gzip" {
				t.Error("gzip was not asked for")
			}
			w.Header().Set("Content-Encoding", "gzip")
			w.Header().Set("Content-Length", strconv.Itoa(zipped.Len()))
			_, _ = w.Write(zipped.Bytes())
		}, -1},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, test.answer)
			c, err := r.Fetch(t.Context(), stream, r.blob("a"))
			if err != nil {
				t.Fatal(err)
			}
			if c.Size() != test.size {
				t.Errorf("size %d, want %d", c.Size(), test.size)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			got, err := r.fetch(t, r.blob("a"))
			if diff := cmp.Diff([]string{`{"Id":"1"}`, `{"Id":"2"}`}, got); err != nil || diff != "" {
				t.Errorf("error %v, %s", err, diff)
			}
		})
	}
}

// hijack answers with raw bytes and closes the connection.
func hijack(t *testing.T, raw string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = buffered.WriteString(raw)
		_ = buffered.Flush()
	}
}

func TestCutBodies(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte("[" + strings.Repeat(`{"Id":"1"},`, 1000) + "1]"))
	_ = z.Close()
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	for name, raw := range map[string]string{
		"by length":          head + "Content-Length: 100\r\n\r\n[{\"Id\":\"1\"}",
		"after a whole one":  head + "Content-Length: 100\r\n\r\n[{\"Id\":\"1\"}]",
		"in a chunk":         head + "Transfer-Encoding: chunked\r\n\r\nff\r\n[{\"Id\":\"1\"}",
		"between chunks":     head + "Transfer-Encoding: chunked\r\n\r\n3\r\n[1]\r\n",
		"without a length":   head + "Connection: close\r\n\r\n[{\"Id\":\"1\"}",
		"in gzip":            head + fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", zipped.Len()-20, zipped.String()[:zipped.Len()-20]),
		"gzip, by length":    head + fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", zipped.Len(), zipped.String()[:zipped.Len()-20]),
		"gzip with rubbish":  head + "Content-Encoding: gzip\r\nContent-Length: 10\r\n\r\n[123456789",
		"before the content": head + "Content-Length: 100\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, hijack(t, raw))
			_, err := r.fetch(t, r.blob("a"))
			if f := wantFault(t, err, audit.CauseCut, audit.OfBlob); f.SHA256 != "" {
				t.Error("a cut body has a hash")
			}
		})
	}
	r := newRig(t, hijack(t, ""))
	_, err := r.fetch(t, r.blob("a"))
	wantFault(t, err, audit.CauseTransport, audit.OfStream)
}

func TestMalformedBodies(t *testing.T) {
	long := "[" + strings.Repeat(`{"Id":"1"},`, 50_000) + "oops" + strings.Repeat(" more", 50_000)
	for name, body := range map[string]string{
		"empty": "", "text": "oops", "object": `{"a":1}`, "unclosed": `[{"Id":"1"}`, "more": `[1] [2]`, "syntax": `[{"Id":}]`, "with a mark": "\xef\xbb\xbf[1", "long": long,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, reply(200, body))
			_, err := r.fetch(t, r.blob("a"))
			f := wantFault(t, err, audit.CauseMalformed, audit.OfBlob)
			sum := sha256.Sum256([]byte(body))
			want := hex.EncodeToString(sum[:])
			if name == "long" {
				want = ""
			}
			if f.SHA256 != want {
				t.Errorf("hash %q, want %q", f.SHA256, want)
			}
			_, err = r.fetch(t, r.blob("a"))
			if f := fault(t, err); f.SHA256 != hex.EncodeToString(sum[:]) {
				t.Errorf("second time: hash %q", f.SHA256)
			}
		})
	}
}

func TestHTMLInPlaceOfABlob(t *testing.T) {
	r := newRig(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<html>sign in to the network</html>")
	})
	_, err := r.fetch(t, r.blob("a"))
	if wantFault(t, err, audit.CauseTransport, audit.OfStream); !strings.Contains(err.Error(), "sign in") {
		t.Errorf("error %v", err)
	}
}

// drip sends a body in pieces, with pauses between them.
func drip(pieces int, pause time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, q *http.Request) {
		for i := range pieces {
			fmt.Fprint(w, string("[,"[min(i, 1)]), i)
			w.(http.Flusher).Flush()
			select {
			case <-time.After(pause):
			case <-q.Context().Done():
				return
			}
		}
		fmt.Fprint(w, "]")
	}
}

func TestSlowBodyThatMakesProgress(t *testing.T) {
	r := newRig(t, drip(8, 100*time.Millisecond), timeout(300*time.Millisecond))
	if got, err := r.fetch(t, r.blob("a")); err != nil || len(got) != 8 {
		t.Errorf("records %v, error %v", got, err)
	}
}

func TestBodyThatStops(t *testing.T) {
	r := newRig(t, drip(2, time.Minute), timeout(100*time.Millisecond))
	start := time.Now()
	_, err := r.fetch(t, r.blob("a"))
	wantFault(t, err, audit.CauseTimeout, audit.OfBlob)
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestTimeWithoutPullingIsNoTimeout(t *testing.T) {
	r := newRig(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "["+strings.Repeat(`{"Id":"`+strings.Repeat("x", 1000)+`"},`, 5000)+"1]")
	}, timeout(time.Second))
	c, err := r.Fetch(t.Context(), stream, r.blob("a"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	time.Sleep(1500 * time.Millisecond)
	n := 0
	for record, err := range c.Records() {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 3000 {
			time.Sleep(1500 * time.Millisecond)
		}
		if record.Ordinal != n-1 {
			t.Errorf("ordinal %d, want %d", record.Ordinal, n-1)
		}
	}
	if n != 5001 {
		t.Errorf("%d records", n)
	}
}

func TestContentClosedEarly(t *testing.T) {
	r := newRig(t, drip(1000, time.Millisecond))
	c, err := r.Fetch(t.Context(), stream, r.blob("a"))
	if err != nil {
		t.Fatal(err)
	}
	for range c.Records() {
		break
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	remotes := map[string]bool{}
	r := newRig(t, func(w http.ResponseWriter, q *http.Request) {
		remotes[q.RemoteAddr] = true
		fmt.Fprint(w, `[{"Id":"1"}]`)
	})
	for range 5 {
		if _, err := r.fetch(t, r.blob("a")); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Subscriptions(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(remotes) != 1 {
		t.Errorf("%d connections", len(remotes))
	}
}
