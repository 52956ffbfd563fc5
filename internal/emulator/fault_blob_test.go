package emulator_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/emulator"
)

// shaped is a rig whose 30 blobs of 10 records stand under faults.
func shaped(t *testing.T, faults ...emulator.Fault) *rig {
	r := newRig(t, dense)
	r.fault(faults...)
	return r
}

func (r *rig) all() []listed { return r.list(emulator.SharePoint, noon.Add(-24*time.Hour), r.now()) }

func (r *rig) expectTruth() {
	r.t.Helper()
	if diff := cmp.Diff(r.truth(), r.everything(emulator.SharePoint)); diff != "" {
		r.t.Error(diff)
	}
}

func TestLateBlobs(t *testing.T) {
	for _, kind := range []emulator.Kind{emulator.Late, emulator.PublicationDelay} {
		r := shaped(t, emulator.Fault{Kind: kind, Delay: 12 * time.Hour})
		early := r.all()
		r.expectTruth()
		if len(early) < 10 || len(early) > 20 {
			t.Errorf("%s: %d of 30 visible", kind, len(early))
		}
		r.pass(12 * time.Hour)
		if n := len(r.list(emulator.SharePoint, noon.Add(-24*time.Hour).Add(time.Second), noon)); n < 29 {
			t.Errorf("%s: %d of 30 visible later, with their old contentCreated", kind, n)
		}
	}
}

func TestLateBlobIsNotThereBefore(t *testing.T) {
	r := shaped(t)
	last := r.all()[29]
	r.fault(emulator.Fault{Kind: emulator.Late, Delay: 25 * time.Hour})
	if code := r.get(last.ContentURI).code(); code != "404 AF20050" {
		t.Error(code)
	}
}

func TestSameMillisecond(t *testing.T) {
	r := shaped(t, emulator.Fault{Kind: emulator.SameMillisecond, Count: 3})
	ids := map[time.Time]map[string]bool{}
	for _, b := range r.all() {
		if ids[b.ContentCreated] == nil {
			ids[b.ContentCreated] = map[string]bool{}
		}
		ids[b.ContentCreated][b.ContentID] = true
	}
	for at, of := range ids {
		if len(of) != 3 {
			t.Errorf("%d blobs at %v", len(of), at)
		}
	}
	r.expectTruth()
}

func TestDuplicateAndRepeatedRecords(t *testing.T) {
	r := shaped(t, emulator.Fault{Kind: emulator.DuplicateRecord, Probability: 0.5}, emulator.Fault{Kind: emulator.RepeatRecord, Count: 2})
	r.expectTruth()
	inBlob, across, seen, records := 0, 0, map[string]bool{}, 0
	for _, b := range r.all() {
		ids := r.ids(b.ContentURI)
		records += len(ids)
		unique := slices.Compact(slices.Sorted(slices.Values(ids)))
		inBlob += len(ids) - len(unique)
		for _, id := range unique {
			if seen[id] {
				across++
			}
			seen[id] = true
		}
	}
	sum := r.TruthSummary()
	if inBlob < 5 || inBlob > 25 || across < 40 || sum.Records != records || sum.UniqueRecords != len(seen) || len(seen) != 300 {
		t.Errorf("%d twice in a blob, %d in a later one, %d unique of %d: %+v", inBlob, across, len(seen), records, sum.TruthCounts)
	}
}

func TestListedTwice(t *testing.T) {
	r := shaped(t, emulator.Fault{Kind: emulator.ListedTwice, Delay: time.Hour})
	target := r.all()[10]
	at := target.ContentCreated
	for _, from := range []time.Time{at, at.Add(time.Hour)} {
		found := slices.Contains(r.list(emulator.SharePoint, from, from.Add(time.Minute)), target)
		if !found {
			t.Errorf("not listed from %v on", from)
		}
	}
	if slices.Contains(r.list(emulator.SharePoint, at.Add(time.Minute), at.Add(time.Hour)), target) {
		t.Error("listed in between")
	}
}

func TestPartialBlob(t *testing.T) {
	r := shaped(t, emulator.Fault{Kind: emulator.PartialBlob})
	fresh := shaped(t)
	target := fresh.all()[7]
	link := strings.Replace(target.ContentURI, fresh.url, r.url, 1)
	second := target.ContentCreated.Truncate(time.Second)
	r.list(emulator.SharePoint, second, noon)
	if n := len(r.ids(link)); n != 5 {
		t.Errorf("%d records, listed from its own second on", n)
	}
	r.list(emulator.SharePoint, second.Add(-time.Second), noon)
	if n := len(r.ids(link)); n != 10 {
		t.Errorf("%d records, listed from earlier", n)
	}
	r.list(emulator.SharePoint, second, noon)
	if n := len(r.ids(link)); n != 10 {
		t.Errorf("%d records after it was once complete", n)
	}
}

func TestBlobsThatCannotBeRead(t *testing.T) {
	for kind, want := range map[emulator.Kind]string{emulator.ExpiredListed: "400 AF20051", emulator.LostBlob: "404 AF20050"} {
		r := shaped(t, emulator.Fault{Kind: kind, First: 6})
		for i, b := range r.all() {
			if code := r.get(b.ContentURI).code(); (code == want) != (i < 6) {
				t.Errorf("%s: blob %d: %s", kind, i, code)
			}
			if past := !b.ContentExpiration.After(noon); past != (kind == emulator.ExpiredListed && i < 6) {
				t.Errorf("%s: blob %d expires %v", kind, i, b.ContentExpiration)
			}
		}
		if sum := r.TruthSummary(); sum.Blobs != 24 || sum.UnavailableBlobs != 6 || sum.UniqueRecords != 240 {
			t.Errorf("%s: %+v", kind, sum.TruthCounts)
		}
	}
}

func TestWrongURI(t *testing.T) {
	r := shaped(t, emulator.Fault{Kind: emulator.WrongURI, First: 1}, emulator.Fault{Kind: emulator.WrongURI})
	b := r.all()[0]
	if !strings.HasPrefix(b.ContentURI, "http://localhost/") || !strings.HasSuffix(b.ContentURI, "/activity/feed/audit/"+b.ContentID) || strings.Contains(b.ContentURI, "api") {
		t.Error(b.ContentURI)
	}
	if n := len(r.ids(r.root() + "/audit/" + b.ContentID)); n != 10 {
		t.Errorf("%d records at the right address", n)
	}
}

func TestBadRecords(t *testing.T) {
	r := shaped(t, emulator.Fault{Kind: emulator.BadRecord, First: 1})
	ids := r.ids(r.all()[0].ContentURI)
	if len(ids) != 12 || ids[10] != "" || ids[11] != "" {
		t.Errorf("%q", ids)
	}
	if sum := r.TruthSummary(); sum.BadElements != 2 || sum.Records != 300 {
		t.Errorf("%+v", sum.TruthCounts)
	}
}

func TestBigBlob(t *testing.T) {
	r := shaped(t, emulator.Fault{Kind: emulator.BigBlob, First: 1, Bytes: 5_000_000})
	a := r.get(r.all()[0].ContentURI)
	if n := len(a.body); n < 4_900_000 || n > 5_200_000 || a.err != nil {
		t.Errorf("%d bytes: %v", n, a.err)
	}
	r.expectTruth()
}

func TestBodyFaults(t *testing.T) {
	whole := shaped(t)
	right := whole.get(whole.all()[0].ContentURI).body
	for name, test := range map[string]struct {
		fault emulator.Fault
		check func(reply) bool
	}{
		"cut":        {emulator.Fault{Kind: emulator.Cut}, func(a reply) bool { return a.err != nil && a.body == right[:len(right)/2] }},
		"cut at":     {emulator.Fault{Kind: emulator.Cut, Bytes: 1}, func(a reply) bool { return a.err != nil && a.body == "[" }},
		"short JSON": {emulator.Fault{Kind: emulator.ShortJSON}, func(a reply) bool { return a.err == nil && a.body == right[:len(right)/2] }},
		"chunked":    {emulator.Fault{Kind: emulator.Chunked}, func(a reply) bool { return a.body == right && a.header.Get("Content-Length") == "" }},
		"gzip":       {emulator.Fault{Kind: emulator.Gzip}, func(a reply) bool { return a.body == right && a.header.Get("Content-Length") == "" }},
		"not JSON":   {emulator.Fault{Kind: emulator.NotJSON}, func(a reply) bool { return a.err == nil && a.body[0] == 'T' }},
	} {
		t.Run(name, func(t *testing.T) {
			r := shaped(t)
			link := r.all()[0].ContentURI
			test.fault.Operation, test.fault.First = "blob", 1
			r.fault(test.fault)
			if a := r.get(link); !test.check(a) {
				t.Errorf("%d bytes of %d, %v, %v", len(a.body), len(right), a.err, a.header)
			}
			if a := r.get(link); a.body != right {
				t.Error("the second time is not right either")
			}
		})
	}
}

func TestGzipOnlyIfAccepted(t *testing.T) {
	r := shaped(t, emulator.Fault{Kind: emulator.Gzip})
	for accept, want := range map[string]string{"gzip": "gzip", "identity": ""} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.subscriptionList(), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept-Encoding", accept)
		req.Header.Set("Authorization", "Bearer "+static)
		res, err := r.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := res.Header.Get("Content-Encoding"); got != want {
			t.Errorf("accept %s: %q", accept, got)
		}
	}
}

func TestCutGzip(t *testing.T) {
	r := shaped(t)
	link := r.all()[0].ContentURI
	r.fault(emulator.Fault{Kind: emulator.Gzip}, emulator.Fault{Kind: emulator.Cut, Bytes: 500})
	if a := r.get(link); a.err == nil {
		t.Errorf("%d bytes without an error", len(a.body))
	}
}

func TestSlowBody(t *testing.T) {
	r := shaped(t)
	link := r.all()[0].ContentURI
	size := len(r.get(link).body)
	r.fault(emulator.Fault{Kind: emulator.SlowBody, Bytes: int64(2 * size)})
	began := time.Now()
	if n := len(r.get(link).body); n != size {
		t.Errorf("%d bytes of %d", n, size)
	}
	if took := time.Since(began); took < 400*time.Millisecond {
		t.Errorf("took %v at twice its size a second", took)
	}
}

func TestCutChunked(t *testing.T) {
	r := shaped(t)
	link := r.all()[0].ContentURI
	r.fault(emulator.Fault{Kind: emulator.Chunked}, emulator.Fault{Kind: emulator.Cut})
	if a := r.get(link); a.err == nil || len(a.body) == 0 {
		t.Errorf("%d bytes, %v", len(a.body), a.err)
	}
}

func TestSummaryAgreesWithTruth(t *testing.T) {
	r := shaped(t, emulator.Fault{Kind: emulator.LostBlob, Probability: 0.3}, emulator.Fault{Kind: emulator.RepeatRecord, Count: 3})
	unique := map[string]bool{}
	for _, ids := range r.truth() {
		for _, id := range ids {
			unique[id] = true
		}
	}
	if sum := r.TruthSummary(); sum.UniqueRecords != len(unique) || sum.UnavailableBlobs == 0 {
		t.Errorf("%d unique: %+v", len(unique), sum.TruthCounts)
	}
}
