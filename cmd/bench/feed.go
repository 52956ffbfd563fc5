package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"o365-kafka-connector/internal/emulator"
)

// feed reads the emulator as barely as it can be done.
type feed struct {
	api    string
	client *http.Client
}

func newFeed(t task) *feed {
	return &feed{api: t.API, client: &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: t.Workers, ReadBufferSize: 64 << 10, DisableCompression: true,
	}}}
}

// get asks for an address and hands over the answer's body.
func (f *feed) get(ctx context.Context, address string, read func(http.Header, io.Reader) error) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+staticToken)
	response, err := f.client.Do(request)
	if err != nil {
		return fmt.Errorf("get: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("get %s: %s", address, response.Status)
	}
	return read(response.Header, response.Body)
}

// blobs lists the whole backlog.
func (f *feed) blobs(ctx context.Context) ([]string, error) {
	var all []string
	now := time.Now().UTC()
	for _, contentType := range emulator.ContentTypes {
		next := f.api + "/api/v1.0/" + emulator.DefaultTenantID + "/activity/feed/subscriptions/content?" + url.Values{
			"contentType": {contentType}, "PublisherIdentifier": {emulator.DefaultTenantID},
			"startTime": {now.Add(-20 * time.Hour).Format(time.DateOnly + "T" + time.TimeOnly)},
			"endTime":   {now.Add(time.Hour).Format(time.DateOnly + "T" + time.TimeOnly)},
		}.Encode()
		for next != "" {
			err := f.get(ctx, next, func(h http.Header, body io.Reader) error {
				var page []struct{ ContentURI string }
				if err := json.NewDecoder(body).Decode(&page); err != nil {
					return fmt.Errorf("read listing: %w", err)
				}
				for _, b := range page {
					all = append(all, b.ContentURI)
				}
				next = h.Get("NextPageUri")
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// offered asks how many records the backlog holds.
func (f *feed) offered(ctx context.Context) (int, error) {
	var truth emulator.TruthSummary
	err := f.get(ctx, f.api+"/truth/summary", func(_ http.Header, body io.Reader) error {
		return json.NewDecoder(body).Decode(&truth)
	})
	return truth.Records, err
}

// playDownload is the first floor: every blob is read and thrown away.
func playDownload(ctx context.Context, t task) error {
	f := newFeed(t)
	blobs, err := f.blobs(ctx)
	if err != nil {
		return err
	}
	return forEach(ctx, blobs, forEachOptions[string]{workers: t.Workers, start: func() (func(context.Context, string) error, func(context.Context) error) {
		buf := make([]byte, 64<<10)
		work := func(ctx context.Context, uri string) error {
			return f.get(ctx, uri, func(_ http.Header, body io.Reader) error {
				_, err := io.CopyBuffer(onlyWriter{io.Discard}, body, buf)
				return err
			})
		}
		return work, func(context.Context) error { return nil }
	}})
}

// onlyWriter hides that a writer could read by itself.
type onlyWriter struct{ io.Writer }
