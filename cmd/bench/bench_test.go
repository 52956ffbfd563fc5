package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/testbed"
)

// TestMain lets the test program play the roles, as the command itself does.
func TestMain(m *testing.M) {
	if role := os.Getenv(envRole); role != "" {
		exit(play(role))
		return
	}
	os.Exit(m.Run())
}

// measuredServices starts what the bench starts, and skips the test where that cannot be.
func measuredServices(t *testing.T) *bench {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped by -short: this test needs a real Kafka and Redis")
	}
	// Asked for first because it knows when to skip and when to fail.
	testbed.OwnRedis(t)
	testbed.Kafka(t)
	s, err := startServices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return &bench{services: s, options: options{Workers: 2}, say: t.Logf}
}

func TestEveryRoleDeliversEverything(t *testing.T) {
	b := measuredServices(t)
	load := backlog{Records: 3000, BlobRecords: 70, RecordBytes: 1500, Streams: 3}
	for _, format := range []string{"raw", "incident"} {
		for _, role := range []string{roleDownload, roleProduce, roleBare, rolePipeline} {
			c := cell{role: role, format: format, compression: "zstd", backlog: load}
			if role == roleDownload {
				c.format, c.compression = "", ""
			}
			m, err := b.measure(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if m.records != load.Records || m.took <= 0 || m.CPU <= 0 || m.PeakRSS < 1<<20 {
				t.Errorf("%s: %d records in %s, %s CPU, %d bytes", c.name(), m.records, m.took, m.CPU, m.PeakRSS)
			}
		}
	}
}

func TestInstancesShareABacklog(t *testing.T) {
	b := measuredServices(t)
	b.options.Format, b.options.Compression = []string{"raw"}, []string{"zstd"}
	load := backlog{Records: 3000, BlobRecords: 70, RecordBytes: 1500, Streams: 2, Tenants: 3}
	m, err := b.measureGroup(t.Context(), crowd{load, 2})
	if err != nil {
		t.Fatal(err)
	}
	if m.records != load.Records || m.took <= 0 || m.CPU <= 0 {
		t.Errorf("%d records in %s, %s CPU", m.records, m.took, m.CPU)
	}
}

func TestLossIsNoticed(t *testing.T) {
	b := measuredServices(t)
	err := b.withTopic(t.Context(), func(topic string) error { return b.verify(t.Context(), topic, 1) })
	if err == nil || !strings.Contains(err.Error(), "0 records arrived") {
		t.Errorf("verified an empty topic: %v", err)
	}
}

func TestTables(t *testing.T) {
	load := backlog{Records: 1000, BlobRecords: 10}
	bare := cell{role: roleBare, format: "raw", compression: "none", backlog: load}
	ours := cell{role: rolePipeline, format: "raw", compression: "none", backlog: load}
	var r results
	for round := range 3 {
		slow := time.Duration(round + 1)
		r = append(
			r,
			measure{cell: bare, took: slow * time.Second, records: 1000, usage: usage{CPU: slow * time.Millisecond, PeakRSS: 1e6}},
			measure{cell: ours, took: 2 * slow * time.Second, records: 1000, usage: usage{CPU: 2 * slow * time.Millisecond, PeakRSS: 80e6}},
		)
	}
	var out strings.Builder
	if err := r.print(&out, options{Rounds: 3}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| pipeline/raw/none/10 | 1000 | 250 | 4.00 | 80.0 |",
		"| pipeline/raw/none/10 | 4.00 | 2.00 | 2.00 | 0.50 | 80.0 | speed missed, CPU met, RSS missed |",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the tables lack %q:\n%s", want, out.String())
		}
	}
}
