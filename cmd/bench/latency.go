package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"o365-kafka-connector/internal/emulator"
)

// listings is an emulator that notes when each blob was first listed.
type listings struct {
	api *emulator.Emulator

	mu    sync.Mutex // guards the following
	first map[string]time.Time
}

// ServeHTTP answers as the emulator does.
func (l *listings) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/subscriptions/content") {
		l.api.ServeHTTP(w, r)
		return
	}
	r.Header.Del("Accept-Encoding")
	copied := &copying{ResponseWriter: w}
	l.api.ServeHTTP(copied, r)
	answered := time.Now()
	var blobs []struct{ ContentID string }
	if json.Unmarshal(copied.body.Bytes(), &blobs) != nil {
		return // an error's answer
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range blobs {
		if _, known := l.first[b.ContentID]; !known {
			l.first[b.ContentID] = answered
		}
	}
}

// since returns how long ago a blob was listed.
func (l *listings) since(id string) (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first, ok := l.first[id]
	return time.Since(first), ok
}

type copying struct {
	http.ResponseWriter

	body bytes.Buffer
}

// Write keeps what is answered.
func (c *copying) Write(p []byte) (int, error) {
	c.body.Write(p)
	return c.ResponseWriter.Write(p)
}

// latency has a connector publish one blob after the other as it becomes available, and returns how many milliseconds
// after the answer that listed it the last of its records could be read by a reader of committed records.
func (b *bench) latency(ctx context.Context, delivery string) (ms []float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute+10*time.Second*time.Duration(b.options.Lone))
	defer cancel()
	load := backlog{BlobRecords: 100, RecordBytes: b.options.RecordBytes, Streams: 1}
	live := load.config()
	live.Rate = 40 // a blob every two seconds
	l := &listings{api: emulator.New(live), first: map[string]time.Time{}}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{Handler: l, ReadHeaderTimeout: time.Minute}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	defer serving.Wait()
	defer server.Close()
	c := cell{role: rolePipeline, format: b.options.Format[0], compression: b.options.Compression[0], delivery: delivery, backlog: load}
	err = b.withTopic(ctx, func(topic string) error {
		t := b.task(c, &offering{address: "http://" + listener.Addr().String()}, topic)
		t.Config += "\nlog: {level: warn}\n"
		t.Config = strings.Replace(t.Config, "first_fetch: 7h", "first_fetch: 7h, poll_interval: 1s", 1)
		p, err := b.start(ctx, c.role, t)
		if err != nil {
			return err
		}
		p.watch()
		ms, err = b.lone(ctx, l, topic)
		return errors.Join(err, b.endAll([]*process{p}, &measure{}))
	})
	return ms, err
}

// lone reads blobs as they become visible. The first ones are left out: the stream was just taken.
func (b *bench) lone(ctx context.Context, l *listings, topic string) ([]float64, error) {
	const warming = 3
	client, err := kgo.NewClient(
		kgo.SeedBrokers(b.kafka.Addresses()...), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return nil, fmt.Errorf("read topic %s: %w", topic, err)
	}
	defer client.Close()
	var order []string
	last := map[string]float64{} // of each blob
	for len(order) <= warming+b.options.Lone {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%w: %d of %d blobs arrived", context.Cause(ctx), len(order), warming+b.options.Lone)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			id := contentID(r)
			took, listed := l.since(id)
			if !listed {
				return
			}
			if _, known := last[id]; !known {
				order = append(order, id)
			}
			last[id] = float64(took.Microseconds()) / 1000
		})
	}
	var ms []float64
	for _, id := range order[warming : warming+b.options.Lone] {
		ms = append(ms, last[id])
	}
	return ms, nil
}

func contentID(r *kgo.Record) string {
	for _, h := range r.Headers {
		if h.Key == "content_id" {
			return string(h.Value)
		}
	}
	return ""
}
