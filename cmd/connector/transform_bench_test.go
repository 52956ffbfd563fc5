package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"o365-kafka-connector/internal/emulator"
)

// BenchmarkFormats cuts records out of blobs as the API has them, of every content type, and transforms them. What it
// measures is what a core does of a pipeline's work before Kafka; bytes are those of the blobs.
func BenchmarkFormats(b *testing.B) {
	const token, records = "test", 20_000
	server := emulator.New(emulator.Config{BacklogRecords: records, StaticToken: token})
	var blobs bytes.Buffer
	for blob := range server.Truth("", "") {
		request := httptest.NewRequest(http.MethodGet, "/api/v1.0/"+blob.Tenant+"/activity/feed/audit/"+blob.ContentID, nil)
		request.Header.Set("Authorization", "Bearer "+token)
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, request)
		blobs.Write(answer.Body.Bytes())
		blobs.WriteByte('\n')
	}
	for _, format := range []string{"raw", "incident", "ecs", "ocsf"} {
		b.Run(format, func(b *testing.B) {
			b.SetBytes(int64(blobs.Len()))
			b.ReportAllocs()
			for b.Loop() {
				err := execute(b.Context(), []string{"transform", "--format", format}, &environment{
					stdin: bytes.NewReader(blobs.Bytes()), stdout: io.Discard, stderr: io.Discard,
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
