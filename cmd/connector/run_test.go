package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"o365-kafka-connector/internal/emulator"
)

// running is a connector that was started with run.
type running struct {
	t      *testing.T
	stop   context.CancelFunc
	done   chan int
	stderr *buffer
	page   string
}

func (r *rig) start(rest string) *running {
	r.t.Helper()
	address := freePort(r.t)
	path := r.config(r.tenant(), rest+fmt.Sprintf("http: {listen: %q}\n", address))
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	p := &running{t: r.t, stop: cancel, done: make(chan int, 1), stderr: &buffer{}, page: "http://" + address}
	go func() { p.done <- run(ctx, []string{"run", "--config", path}, io.Discard, p.stderr) }()
	r.t.Cleanup(cancel)
	return p
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (p *running) get(path string) (int, string) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.page+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(body)
}

// await asks until the answer satisfies.
func (p *running) await(path string, good func(code int, body string) bool) {
	p.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		code, body := p.get(path)
		if good(code, body) {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s = %d %s\nlog:\n%s", path, code, body, p.stderr)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// end asks the connector to end, as a signal does.
func (p *running) end(want int) {
	p.t.Helper()
	p.stop()
	select {
	case code := <-p.done:
		if code != want {
			p.t.Errorf("exit status %d, want %d; log:\n%s", code, want, p.stderr)
		}
	case <-time.After(30 * time.Second):
		p.t.Fatalf("no end; log:\n%s", p.stderr)
	}
}

func TestRunDeliversUntilItIsStopped(t *testing.T) {
	r := newRig(t, emulator.Config{BacklogRecords: 500, Backlog: 50 * time.Minute, RecordsPerBlob: 20})
	p := r.start("")
	consumer, err := kgo.NewClient(kgo.SeedBrokers(r.kafka.ListenAddrs()...), kgo.ConsumeTopics("o365.incidents"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.MetadataMinAge(100*time.Millisecond), kgo.UnknownTopicRetries(-1))
	if err != nil {
		t.Fatal(err)
	}
	defer consumer.Close()
	tally := emulator.NewTally()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for tally.Compare(r.api.Truth(emulator.DefaultTenantID, ""), nil).Lost > 0 && ctx.Err() == nil {
		consumer.PollFetches(ctx).EachRecord(func(record *kgo.Record) {
			headers := map[string]string{}
			for _, h := range record.Headers {
				headers[h.Key] = string(h.Value)
			}
			tally.Add(headers["content_id"], headers["record_id"])
		})
	}
	if v := tally.Compare(r.api.Truth(emulator.DefaultTenantID, ""), nil); v.Lost > 0 || v.Repeated > 0 || v.Foreign > 0 {
		t.Errorf("offered %d, delivered %d, lost %d, repeated %d, foreign %d\n%s", v.Offered, v.Delivered, v.Lost, v.Repeated, v.Foreign, p.stderr)
	}
	p.await("/readyz", func(code int, _ string) bool { return code == http.StatusOK })
	p.await("/metrics", func(_ int, body string) bool {
		return strings.Contains(body, "\nconnector_owned_streams 5\n") &&
			!strings.Contains(body, `result="published",tenant_name="contoso"} 0`)
	})
	p.end(exitDone)
	for line := range strings.Lines(p.stderr.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("log line is no JSON: %s", line)
		}
	}
	if strings.Contains(p.stderr.String(), emulator.DefaultClientSecret) {
		t.Error("the log holds the client secret")
	}
}

func TestRunWaitsForRedis(t *testing.T) {
	r := newRig(t, emulator.Config{})
	r.redis.Close()
	p := r.start("")
	p.await("/readyz", func(code int, body string) bool {
		return code == http.StatusServiceUnavailable && strings.Contains(body, "FAIL start: ") && strings.Contains(body, "redis") &&
			strings.Contains(p.stderr.String(), "dependency is failing")
	})
	if code, body := p.get("/healthz"); code != http.StatusOK {
		t.Errorf("/healthz = %d %s", code, body)
	}
	if err := r.redis.Restart(); err != nil {
		t.Fatal(err)
	}
	p.await("/readyz", func(code int, _ string) bool { return code == http.StatusOK })
	p.end(exitDone)
	if n := strings.Count(p.stderr.String(), "dependency is failing"); n != 1 {
		t.Errorf("the failure is logged %d times, want once:\n%s", n, p.stderr)
	}
}

func TestRunRefusesCheckpointsOfAnotherDeployment(t *testing.T) {
	r := newRig(t, emulator.Config{})
	p := r.start("")
	p.await("/readyz", func(code int, _ string) bool { return code == http.StatusOK })
	p.end(exitDone)

	other := r.start("control: {group_id: other}\n")
	select {
	case code := <-other.done:
		if log := other.stderr.String(); code != exitFailed || !strings.Contains(log, "checkpoint.key_prefix") {
			t.Errorf("exit status %d, log:\n%s", code, log)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("not refused; log:\n%s", other.stderr)
	}
}

func TestRunSaysWhichPortIsTaken(t *testing.T) {
	r := newRig(t, emulator.Config{})
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := call(t, "run", "--config", r.config(r.tenant(), fmt.Sprintf("http: {listen: %q}\n", l.Addr())))
	if got.code != exitFailed || !strings.Contains(got.stderr, "the port is taken") {
		t.Errorf("%+v", got)
	}
}
