package ecs_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/testbed/race"
)

// emulated is how many records of the emulator are held against the list of fields.
const emulated = 100_000

// TestRecordsOfTheEmulatorConform encodes what the emulator serves, of every content type.
func TestRecordsOfTheEmulatorConform(t *testing.T) {
	count := emulated
	if testing.Short() || race.Enabled { // make test runs it without, too
		count /= 20
	}
	const token = "test"
	server := emulator.New(emulator.Config{BacklogRecords: count, StaticToken: token})
	links := make(chan string)
	var workers sync.WaitGroup
	var total atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			e := encoder()
			var event []byte
			for link := range links {
				request := httptest.NewRequest(http.MethodGet, link, nil)
				request.Header.Set("Authorization", "Bearer "+token)
				answer := httptest.NewRecorder()
				server.ServeHTTP(answer, request)
				var records []json.RawMessage
				if err := json.Unmarshal(answer.Body.Bytes(), &records); err != nil {
					t.Error(err)
					continue
				}
				for _, raw := range records {
					event = e.Append(event[:0], blob, parse(raw))
					if err := conforms(event); err != nil {
						t.Errorf("%v\n%s\n%s", err, raw, event)
						break
					}
					total.Add(1)
				}
			}
		})
	}
	for b := range server.Truth("", "") {
		links <- "/api/v1.0/" + b.Tenant + "/activity/feed/audit/" + b.ContentID
	}
	close(links)
	workers.Wait()
	if total.Load() < int64(count) {
		t.Errorf("%d records conform, want %d", total.Load(), count)
	}
}
