//go:build unix

package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"syscall"
	"testing"
	"time"

	"o365-kafka-connector/internal/emulator"
)

// BenchmarkFormats cuts records out of blobs as the API has them, of every content type, and transforms them: what is done
// before Kafka. cpu-MB/s are those of the blobs for each second of processor time, garbage collection included, so that a
// busy machine does not count; the other figures are for each record.
func BenchmarkFormats(b *testing.B) {
	const token, records = "test", 20_000
	server := emulator.New(emulator.Config{BacklogRecords: records, StaticToken: token})
	var blobs bytes.Buffer
	count := 0
	for blob := range server.Truth("", "") {
		request := httptest.NewRequest(http.MethodGet, "/api/v1.0/"+blob.Tenant+"/activity/feed/audit/"+blob.ContentID, nil)
		request.Header.Set("Authorization", "Bearer "+token)
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, request)
		blobs.Write(answer.Body.Bytes())
		blobs.WriteByte('\n')
		count += len(blob.Records)
	}
	for _, format := range []string{"raw", "incident", "ecs", "ocsf"} {
		b.Run(format, func(b *testing.B) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began, runs := processorTime(b), 0
			for b.Loop() {
				runs++
				err := execute(b.Context(), []string{"transform", "--format", format}, &environment{
					stdin: bytes.NewReader(blobs.Bytes()), stdout: io.Discard, stderr: io.Discard,
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			used := processorTime(b) - began
			runtime.ReadMemStats(&after)
			records := float64(runs * count)
			b.ReportMetric(float64(runs)*float64(blobs.Len())/1e6/used.Seconds(), "cpu-MB/s")
			b.ReportMetric(float64(used.Nanoseconds())/records, "cpu-ns/record")
			b.ReportMetric(float64(after.Mallocs-before.Mallocs)/records, "allocs/record")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// processorTime is what this process has used so far.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
