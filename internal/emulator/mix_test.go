package emulator_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/emulator"
)

// TestMixLosesNothing reads everything under the mixture with a client that tries again until an answer is right.
func TestMixLosesNothing(t *testing.T) {
	config := dense
	config.Faults = emulator.Mix()
	r := newRig(t, config)
	r.pass(time.Minute) // the late ones too
	got := map[string][]string{}
	start := noon.Add(-24 * time.Hour)
	for _, w := range [][2]time.Time{{start, start.Add(time.Hour)}, {start.Add(time.Hour), r.now()}} {
		for link := r.content(emulator.SharePoint, w[0], w[1]); link != ""; {
			a := r.until(link, isList)
			for _, b := range blobsOf(a.body) {
				got[b.ContentID] = idsOf(t, r.until(r.root()+"/audit/"+b.ContentID, isList).body)
			}
			link = a.header.Get("NextPageUri")
		}
	}
	if diff := cmp.Diff(r.truth(), got); diff != "" {
		t.Error(diff)
	}
	bad := 0
	for _, n := range r.Stats().Requests {
		if n.Code != "200" {
			bad += n.Count
		}
	}
	if bad == 0 {
		t.Error("nothing went wrong")
	}
}

// until asks again until the answer is right.
func (r *rig) until(link string, right func(reply) bool) reply {
	r.t.Helper()
	for range 100 {
		if a := r.get(link); a.err == nil && a.status == http.StatusOK && right(a) {
			return a
		}
	}
	r.t.Fatalf("no right answer from %s", link)
	return reply{}
}
