package checkpoint

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
)

const docTenant = "11111111-1111-1111-1111-111111111111"

func swap(t *testing.T, d Documents, old, next string) bool {
	t.Helper()
	ok, err := d.SwapDocument(t.Context(), audit.DocumentSwap{Tenant: docTenant, Kind: "signin", Old: []byte(old), New: []byte(next)})
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func wantDocument(t *testing.T, d Documents, kind, want string) {
	t.Helper()
	got, err := d.Document(t.Context(), docTenant, kind)
	if err != nil || string(got) != want {
		t.Errorf("document %s is %q, %v, want %q", kind, got, err, want)
	}
}

func testDocuments(t *testing.T, v vault) {
	d := v.open(t)
	wantDocument(t, d, "signin", "")
	binary := "\x00\xff\r\n{}"
	for _, step := range []struct {
		old, next string
		want      bool
		after     string
	}{
		{"x", "y", false, ""},
		{"", binary, true, binary},
		{"", binary, true, binary}, // a repetition
		{"", "y", false, binary},
		{binary, "y", true, "y"},
		{binary, "y", true, "y"},
		{binary, "z", false, "y"},
		{binary, "", false, "y"},
		{"y", "", true, ""},
		{"y", "", true, ""},
		{"", "again", true, "again"},
	} {
		if got := swap(t, d, step.old, step.next); got != step.want {
			t.Errorf("%q for %q: %t", step.next, step.old, got)
		}
		wantDocument(t, d, "signin", step.after)
	}
	wantDocument(t, d, "login", "")
	for _, bad := range []audit.DocumentSwap{
		{Tenant: "../x", Kind: "signin"},
		{Tenant: docTenant, Kind: ""},
		{Tenant: docTenant, Kind: "a/b"},
		{Tenant: docTenant, Kind: "a", Keep: -1},
		{Tenant: docTenant, Kind: "a", New: make([]byte, maxDocument+1)},
	} {
		if _, err := d.SwapDocument(t.Context(), bad); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

func testDocumentsExpire(t *testing.T, v vault) {
	d := v.open(t)
	s := audit.DocumentSwap{Tenant: docTenant, Kind: "login", New: []byte("a"), Keep: 300 * time.Millisecond}
	if ok, err := d.SwapDocument(t.Context(), s); !ok || err != nil {
		t.Fatal(ok, err)
	}
	wantDocument(t, d, "login", "a")
	v.pass(t, 400*time.Millisecond)
	wantDocument(t, d, "login", "")
	s.Old, s.New, s.Keep = []byte("a"), []byte("b"), 0
	if ok, err := d.SwapDocument(t.Context(), s); ok || err != nil {
		t.Error("an expired document was replaced", err)
	}
}

// testDocumentsRace has many count in one document: no change is lost.
func testDocumentsRace(t *testing.T, v vault) {
	d := v.open(t)
	const counters, rounds = 6, 10
	var group sync.WaitGroup
	var refused atomic.Int64
	for range counters {
		group.Go(func() {
			for done := 0; done < rounds; {
				old, err := d.Document(t.Context(), docTenant, "signin")
				if err != nil {
					t.Error(err)
					return
				}
				n := 0
				_, _ = fmt.Sscan(string(old), &n)
				ok, err := d.SwapDocument(t.Context(), audit.DocumentSwap{
					Tenant: docTenant, Kind: "signin", Old: old, New: fmt.Appendf(nil, "%d %s", n+1, newToken()),
				})
				if err != nil {
					t.Error(err)
					return
				}
				if ok {
					done++
				} else {
					refused.Add(1)
				}
			}
		})
	}
	group.Wait()
	text, err := d.Document(t.Context(), docTenant, "signin")
	n := 0
	_, _ = fmt.Sscan(string(text), &n)
	if err != nil || n != counters*rounds {
		t.Errorf("counted to %d, %v, %d changes refused", n, err, refused.Load())
	}
}

func testDocumentsContext(t *testing.T, v vault) {
	d := v.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Document(ctx, docTenant, "signin"); err == nil {
		t.Error("read with an ended context")
	}
	if _, err := d.SwapDocument(ctx, audit.DocumentSwap{Tenant: docTenant, Kind: "signin", New: []byte("x")}); err == nil {
		t.Error("changed with an ended context")
	}
}

// TestDocumentsBesideTheOwner uses the documents of a directory that another process has locked.
func TestDocumentsBesideTheOwner(t *testing.T) {
	c := fileConfig(t.TempDir())
	owner := openStore(t, c)
	beside, err := OpenDocuments(c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = beside.Close() }()
	if !swap(t, owner, "", "a") || !swap(t, beside, "a", "b") || swap(t, owner, "a", "c") {
		t.Error("owner and command do not see the same document")
	}
	wantDocument(t, owner, "signin", "b")
	path := fileDocuments{c.Path}.path(docTenant, "signin")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// TestDamagedDocumentCanBeReplaced leaves it to the reader what a damaged file means. One that would end by itself is
// as good as not there, as nobody can tell when it would have.
func TestDamagedDocumentCanBeReplaced(t *testing.T) {
	c := fileConfig(t.TempDir())
	d := openStore(t, c)
	damage := func(text string) {
		swap(t, d, "", "x")
		writeFile(t, fileDocuments{c.Path}.path(docTenant, "signin"), []byte(text))
	}
	for _, text := range []string{"rubbish", `{"value":"cut`} {
		damage(text)
		wantDocument(t, d, "signin", text)
		if swap(t, d, "", "a") || !swap(t, d, text, "a") || !swap(t, d, "a", "") {
			t.Errorf("%q cannot be replaced by who knows it, or can by others", text)
		}
		damage(text)
		brief := audit.DocumentSwap{Tenant: docTenant, Kind: "signin", New: []byte("mine"), Keep: time.Minute}
		if ok, err := d.SwapDocument(t.Context(), brief); !ok || err != nil {
			t.Errorf("%q holds a turn up: %v", text, err)
		}
		swap(t, d, "mine", "")
	}
	damage("")
	wantDocument(t, d, "signin", "")
	if !swap(t, d, "", "a") {
		t.Error("an empty file cannot be replaced")
	}
}

// useDocuments runs every branch of the documents' script.
func useDocuments(t *testing.T, d Documents) error {
	for _, s := range []audit.DocumentSwap{{New: []byte("a")}, {Old: []byte("a"), New: []byte("b"), Keep: time.Minute}, {Old: []byte("b")}} {
		s.Tenant, s.Kind = docTenant, "signin"
		if _, err := d.SwapDocument(t.Context(), s); err != nil {
			return err
		}
	}
	_, err := d.Document(t.Context(), docTenant, "signin")
	return err
}
