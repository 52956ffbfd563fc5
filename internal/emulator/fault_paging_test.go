package emulator_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/emulator"
)

var dense = emulator.Config{BacklogRecords: 300, RecordsPerBlob: 10, ContentTypes: []string{emulator.SharePoint}}

func (r *rig) firstPage() (reply, string) {
	a := r.get(r.content(emulator.SharePoint, noon.Add(-24*time.Hour), noon))
	return a, a.header.Get("NextPageUri")
}

func TestPageLinks(t *testing.T) {
	r := newRig(t, dense)
	all := r.list(emulator.SharePoint, noon.Add(-24*time.Hour), noon)
	r.fault(emulator.Fault{Kind: emulator.PageSize, Count: 4})
	a, link := r.firstPage()
	if _, ok := a.header["Nextpageuri"]; !ok {
		t.Fatalf("no link: %v", a.header)
	}
	for _, part := range []string{"/api/v1.0/", "?contenttype=", "&starttime=", "&endtime=", "&nextpage="} {
		if !strings.Contains(link, part) {
			t.Errorf("%s lacks %s", link, part)
		}
	}
	if strings.Contains(strings.ToLower(link), "publisher") {
		t.Errorf("%s names a publisher", link)
	}
	if diff := cmp.Diff(all, r.list(emulator.SharePoint, noon.Add(-24*time.Hour), noon)); diff != "" || len(all) != 30 {
		t.Errorf("%d blobs: %s", len(all), diff)
	}
	if n := r.Stats().Count("page", "200"); n != 7 {
		t.Errorf("%d further pages read, want 7", n)
	}
	r.fault(emulator.Fault{Kind: emulator.PageSize, Count: 4}, emulator.Fault{Kind: emulator.PageLinkOld})
	if _, link = r.firstPage(); !strings.Contains(link, "/api/v1/") || !strings.Contains(link, "&nextPage=") {
		t.Errorf("old form: %s", link)
	}
	if diff := cmp.Diff(all, r.list(emulator.SharePoint, noon.Add(-24*time.Hour), noon)); diff != "" {
		t.Error(diff)
	}
}

// TestPageLinkIsWrittenAsDocumented looks at the bytes, which Go's client would respell.
func TestPageLinkIsWrittenAsDocumented(t *testing.T) {
	r := newRig(t, dense)
	r.fault(emulator.Fault{Kind: emulator.PageSize, Count: 4})
	w := &discard{h: http.Header{}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.content(emulator.SharePoint, noon.Add(-time.Hour*24), noon), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+static)
	r.ServeHTTP(w, req)
	if len(w.h["NextPageUri"]) != 1 {
		t.Errorf("headers %v", w.h)
	}
}

func TestPageFaults(t *testing.T) {
	small := emulator.Fault{Kind: emulator.PageSize, Count: 4}
	t.Run("loop", func(t *testing.T) {
		r := newRig(t, dense)
		r.fault(small, emulator.Fault{Kind: emulator.PageLoop})
		a, link := r.firstPage()
		b := r.get(link)
		if a.body != b.body || b.header.Get("NextPageUri") != link {
			t.Error("the link does not lead to itself")
		}
	})
	t.Run("stale", func(t *testing.T) {
		r := newRig(t, dense)
		r.fault(small, emulator.Fault{Kind: emulator.PageStale})
		if _, link := r.firstPage(); r.get(link).code() != "400 AF20031" {
			t.Errorf("%s: %s", link, r.get(link).code())
		}
	})
	t.Run("aged", func(t *testing.T) {
		r := newRig(t, dense)
		r.fault(small)
		_, link := r.firstPage()
		r.pass(7 * 24 * time.Hour)
		if code := r.get(link).code(); code != "400 AF20055" {
			t.Error(code)
		}
	})
	t.Run("foreign", func(t *testing.T) {
		r := newRig(t, dense)
		r.fault(small, emulator.Fault{Kind: emulator.PageForeign})
		if _, link := r.firstPage(); !strings.HasPrefix(link, "https://collector.invalid/api/v1.0/") {
			t.Error(link)
		}
	})
	t.Run("empty", func(t *testing.T) {
		r := newRig(t, dense)
		r.fault(emulator.Fault{Kind: emulator.EmptyPage})
		if a, link := r.firstPage(); a.body != "[]" || link == "" {
			t.Errorf("%s %s", a.body, link)
		}
		if n := len(r.list(emulator.SharePoint, noon.Add(-24*time.Hour), noon)); n != 30 {
			t.Errorf("%d blobs", n)
		}
	})
}

func TestDefaultWindowIsRepeatedInTheLink(t *testing.T) {
	r := newRig(t, dense)
	r.fault(emulator.Fault{Kind: emulator.PageSize, Count: 4})
	link := r.get(r.root() + "/subscriptions/content?contentType=" + emulator.SharePoint).header.Get("NextPageUri")
	u, err := url.Parse(link)
	if err != nil || u.Query().Get("starttime") != "2026-02-28T12:00:00Z" || u.Query().Get("endtime") != "2026-03-01T12:00:00Z" {
		t.Errorf("%s %v", link, err)
	}
}

func TestWindowFaults(t *testing.T) {
	config := dense
	config.Backlog = 6 * 24 * time.Hour
	r := newRig(t, config)
	from := noon.Add(-6 * 24 * time.Hour)
	r.fault(emulator.Fault{Kind: emulator.WindowPartial})
	if n := len(r.list(emulator.SharePoint, from, noon)); n == 0 || n > 8 {
		t.Errorf("%d blobs of 30 for 6 days", n)
	}
	old := r.content(emulator.SharePoint, noon.Add(-7*24*time.Hour-30*time.Minute), noon.Add(-7*24*time.Hour))
	if code := r.get(old).code(); code != "400 AF20055" {
		t.Errorf("strict: %s", code)
	}
	r.fault(emulator.Fault{Kind: emulator.AgeLenient})
	if code := r.get(old).code(); code != "200 " {
		t.Errorf("lenient: %s", code)
	}
}
