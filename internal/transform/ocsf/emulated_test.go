package ocsf_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed/race"
	"o365-kafka-connector/internal/transform/ocsf"
)

// emulated is how many records of the emulator are encoded and held against the schemas.
const emulated = 100_000

// TestRecordsOfTheEmulatorConform encodes what the emulator serves, of every content type.
func TestRecordsOfTheEmulatorConform(t *testing.T) {
	count := emulated
	if testing.Short() || race.Enabled { // make test runs it without, too
		count /= 20
	}
	const token = "test"
	server := emulator.New(emulator.Config{BacklogRecords: count, StaticToken: token})
	type body struct {
		stream audit.Stream
		text   []byte
	}
	bodies := make(chan body)
	var workers sync.WaitGroup
	classes, mu := map[string]int{}, sync.Mutex{}
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for b := range bodies {
				found := check(t, b.stream, b.text)
				mu.Lock()
				for class, n := range found {
					classes[class] += n
				}
				mu.Unlock()
			}
		})
	}
	for b := range server.Truth("", "") {
		request := httptest.NewRequest(http.MethodGet, "/api/v1.0/"+b.Tenant+"/activity/feed/audit/"+b.ContentID, nil)
		request.Header.Set("Authorization", "Bearer "+token)
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, request)
		bodies <- body{audit.Stream{Tenant: audit.Tenant{ID: b.Tenant, Name: "contoso"}, ContentType: audit.ContentType(b.ContentType)}, answer.Body.Bytes()}
	}
	close(bodies)
	workers.Wait()
	total := 0
	for _, n := range classes {
		total += n
	}
	if total < count {
		t.Errorf("%d records, want %d", total, count)
	}
	t.Logf("%v", classes)
	for _, class := range []string{"2004", "2006", "3001", "3002", "3004", "3005", "3006", "4009", "6001", "6003", "6006"} {
		if classes[class] == 0 {
			t.Errorf("no event of class %s", class)
		}
	}
}

// check encodes the records of a body and counts them by their classes.
func check(t *testing.T, stream audit.Stream, text []byte) map[string]int {
	classes := map[string]int{}
	var raw []json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		t.Errorf("%v: %.200s", err, text)
	}
	blob := audit.Blob{ID: "blob", Created: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	e := ocsf.NewEncoder(ocsf.Options{Stream: stream})
	var event []byte
	for _, one := range raw {
		event = e.Append(event[:0], blob, parse(one))
		class, err := conforms(event)
		if err != nil {
			t.Errorf("%v\nof %s", err, one)
			break
		}
		classes[class]++
	}
	return classes
}
