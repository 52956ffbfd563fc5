package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"o365-kafka-connector/internal/emulator"
)

// staticToken is what the floors show instead of a token of their own.
const staticToken = "bench"

// reach is how far back the backlog goes: one window of a listing covers it.
const reach = 6 * time.Hour

// bigBlob is the size of a large blob.
const bigBlob = 60_000_000

// backlog is what an emulator offers.
type backlog struct {
	Records     int
	BlobRecords int
	RecordBytes int
	Streams     int  // content types
	Tenants     int  // 0: one
	Big         bool // one blob in the middle of the first stream has 60 MB
}

// name tells backlogs apart.
func (b backlog) name() string {
	if b.Big {
		return fmt.Sprintf("%d+60MB", b.BlobRecords)
	}
	return fmt.Sprint(b.BlobRecords)
}

func (b backlog) config() emulator.Config {
	c := emulator.Config{
		Seed: 1, Tenants: b.tenants(), ContentTypes: emulator.ContentTypes[:b.Streams], BacklogRecords: b.Records, Backlog: reach,
		RecordsPerBlob: b.BlobRecords, RecordBytes: b.RecordBytes, StaticToken: staticToken,
	}
	if b.Big {
		middle := b.Records / b.Streams / b.BlobRecords / 2
		c.Faults = []emulator.Fault{{
			Kind: emulator.BigBlob, ContentType: c.ContentTypes[0], After: middle, First: 1, Bytes: bigBlob,
		}}
	}
	return c
}

// tenants are the organizations of the backlog.
func (b backlog) tenants() []emulator.Tenant {
	all := []emulator.Tenant{{ID: emulator.DefaultTenantID}}
	for i := 1; i < b.Tenants; i++ {
		all = append(all, emulator.Tenant{ID: fmt.Sprintf("%08d-1111-1111-1111-111111111111", i)})
	}
	return all
}

// playEmulator serves the backlog and prints its address.
func playEmulator(ctx context.Context, t task) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{Handler: emulator.New(t.Backlog.config()), ReadHeaderTimeout: time.Minute}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	fmt.Println("http://" + listener.Addr().String())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
