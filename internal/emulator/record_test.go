package emulator_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/emulator"
)

// bodies returns all blobs of a content type.
func (r *rig) bodies(contentType string) []json.RawMessage {
	r.t.Helper()
	var all []json.RawMessage
	for _, b := range r.list(contentType, noon.Add(-24*time.Hour), noon) {
		var records []json.RawMessage
		if err := json.Unmarshal([]byte(r.get(b.ContentURI).body), &records); err != nil {
			r.t.Fatal(err)
		}
		all = append(all, records...)
	}
	return all
}

func TestRecordsLookReal(t *testing.T) {
	r := newRig(t, emulator.Config{BacklogRecords: 5000})
	for _, ct := range emulator.ContentTypes {
		t.Run(ct, func(t *testing.T) {
			operations, workloads, users, odd := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
			for _, raw := range r.bodies(ct) {
				if strings.Contains(string(raw), "@@@") {
					t.Fatalf("a gap was not filled: %s", raw)
				}
				var record map[string]any
				if err := json.Unmarshal(raw, &record); err != nil {
					t.Fatal(err)
				}
				created := record["CreationTime"].(string)
				if at, err := time.Parse("2006-01-02T15:04:05", created[:19]); err != nil || at.After(noon) || at.Before(noon.Add(-26*time.Hour)) {
					t.Errorf("CreationTime %q", created)
				}
				if record["OrganizationId"] != tenant {
					t.Errorf("OrganizationId %v", record["OrganizationId"])
				}
				operations[record["Operation"].(string)]++
				workloads[record["Workload"].(string)]++
				users[record["UserId"].(string)]++
				noteOddities(odd, record)
			}
			if len(operations) < 3 || len(users) < 20 || len(workloads) == 0 {
				t.Errorf("%d operations, %d users, %d workloads", len(operations), len(users), len(workloads))
			}
			for _, want := range []string{"string RecordType", "no ClientIP", "other CreationTime", "no ResultStatus"} {
				if odd[want] == 0 && (want != "no ResultStatus" || ct == emulator.SharePoint) {
					t.Errorf("no record with %s", want)
				}
			}
		})
	}
}

func noteOddities(odd map[string]int, record map[string]any) {
	if _, text := record["RecordType"].(string); text {
		odd["string RecordType"]++
	}
	if _, there := record["ClientIP"]; !there {
		odd["no ClientIP"]++
	}
	if _, there := record["ResultStatus"]; !there {
		odd["no ResultStatus"]++
	}
	if len(record["CreationTime"].(string)) > 19 {
		odd["other CreationTime"]++
	}
}

func TestRecordsHaveTheSizeAskedFor(t *testing.T) {
	for _, ct := range emulator.ContentTypes {
		r := newRig(t, emulator.Config{BacklogRecords: 2000, RecordBytes: 3000, ContentTypes: []string{ct}})
		total := 0
		records := r.bodies(ct)
		for _, raw := range records {
			total += len(raw)
		}
		if average := total / len(records); average < 2850 || average > 3150 {
			t.Errorf("%s: %d bytes on average", ct, average)
		}
	}
}

func TestUsersAreSkewed(t *testing.T) {
	r := newRig(t, emulator.Config{BacklogRecords: 3000, ContentTypes: []string{emulator.Entra}})
	users := map[string]int{}
	most := 0
	for _, raw := range r.bodies(emulator.Entra) {
		var record struct{ UserID string }
		_ = json.Unmarshal(raw, &record)
		users[record.UserID]++
		most = max(most, users[record.UserID])
	}
	if most < 3*3000/len(users) {
		t.Errorf("the busiest of %d users has %d of 3000", len(users), most)
	}
}

func TestBlobTellsItsLength(t *testing.T) {
	r := newRig(t, emulator.Config{BacklogRecords: 100})
	for _, b := range r.list(emulator.Exchange, noon.Add(-24*time.Hour), noon) {
		a := r.get(b.ContentURI)
		if a.err != nil || a.header.Get("Content-Length") == "" || !strings.HasSuffix(a.body, "}]") {
			t.Errorf("%v, length %s of %d", a.err, a.header.Get("Content-Length"), len(a.body))
		}
	}
}

func TestMillionRecordsCostLittleMemory(t *testing.T) {
	before := heap()
	e := emulator.New(emulator.Config{BacklogRecords: 1_000_000, RecordBytes: 1500, StaticToken: static})
	server := httptest.NewServer(e)
	defer server.Close()
	sum := e.TruthSummary()
	if sum.Records != 1_000_000 || sum.Blobs != 10_000 {
		t.Fatalf("%+v", sum.TruthCounts)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/truth", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	n, err := io.Copy(io.Discard, res.Body)
	if err != nil || n < 39_000_000 {
		t.Errorf("%d bytes of truth: %v", n, err)
	}
	if grown := int64(heap()) - int64(before); grown > 16<<20 {
		t.Errorf("heap grew by %d MB", grown>>20)
	}
	runtime.KeepAlive(e)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkServe measures what a million records of 1.5 kB cost to make and to write: b.N is in blobs of 1,000.
func BenchmarkServe(b *testing.B) {
	e := emulator.New(emulator.Config{BacklogRecords: 1_000_000, RecordsPerBlob: 1000, RecordBytes: 1500, ContentTypes: []string{emulator.General}, StaticToken: static})
	var link string
	for blob := range e.Truth("", "") {
		link = "/api/v1.0/" + tenant + "/activity/feed/audit/" + blob.ContentID
		break
	}
	req := httptest.NewRequest(http.MethodGet, link, nil)
	req.Header.Set("Authorization", "Bearer "+static)
	b.ReportAllocs()
	for b.Loop() {
		w := discard{http.Header{}, 0}
		e.ServeHTTP(&w, req)
		if w.n < 1_000_000 {
			b.Fatal(w.n)
		}
	}
}

type discard struct {
	h http.Header
	n int
}

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(p []byte) (int, error) { d.n += len(p); return len(p), nil }
