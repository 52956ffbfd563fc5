package scale

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kgo"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/e2e/stage"
	"o365-kafka-connector/internal/emulator"
)

// repeat is an event that was on Kafka before.
type repeat struct {
	at     time.Time // of producing it
	blob   audit.Hash
	stream string
}

// witness sees every event and every blob that is marked done, and so knows which events must not have been repeated.
type witness struct {
	mu      sync.Mutex // guards the following
	seen    map[string]bool
	repeats []repeat
	marked  map[audit.Hash]time.Time
}

func newWitness() *witness {
	return &witness{seen: map[string]bool{}, marked: map[audit.Hash]time.Time{}}
}

// event sees an event.
func (w *witness) event(r *kgo.Record) {
	blob := stage.Header(r, "content_id")
	key, stream := blob+"/"+stage.Header(r, "record_id"), stage.Header(r, "tenant")+"/"+stage.Header(r, "content_type")
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen[key] {
		w.repeats = append(w.repeats, repeat{at: r.Timestamp, blob: audit.HashOf(blob), stream: stream})
	}
	w.seen[key] = true
}

// watchLedgers looks for new marks in the ledgers of streams until the test ends.
func (w *witness) watchLedgers(t *testing.T, address, prefix string, streams []string) {
	client := redis.NewClient(&redis.Options{Addr: address, MaxRetries: -1, DialTimeout: time.Second})
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() {
		from := int64(0)
		for ctx.Err() == nil {
			now := time.Now()
			if w.look(ctx, client, ledgers{prefix: prefix, streams: streams, from: from}) == nil {
				from = now.Unix() - 3 // an instance may be slow between taking the time and marking
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
	t.Cleanup(func() {
		cancel()
		watching.Wait()
		_ = client.Close()
	})
}

// ledgers are the marks of streams since a time.
type ledgers struct {
	prefix  string
	streams []string
	from    int64
}

func (w *witness) look(ctx context.Context, client *redis.Client, l ledgers) error {
	answers := map[string]*redis.StringSliceCmd{}
	_, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, s := range l.streams {
			answers[s] = p.ZRangeByScore(ctx, l.prefix+"{"+s+"}:ledger", &redis.ZRangeBy{Min: strconv.FormatInt(l.from, 10), Max: "+inf"})
		}
		return nil
	})
	if err != nil {
		return err
	}
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range answers {
		for _, member := range a.Val() {
			var h audit.Hash
			if len(member) == len(h) && copy(h[:], member) > 0 && w.marked[h].IsZero() {
				w.marked[h] = now
			}
		}
	}
	return nil
}

// account is what was repeated in a time.
type account struct {
	repeated int
	blobs    map[audit.Hash]bool
	streams  map[string]int
	wrongly  int // although the blob had been marked done before
}

func (a account) String() string {
	return fmt.Sprintf("%d records of %d blobs in %d streams repeated, %d of them although marked done", a.repeated,
		len(a.blobs), len(a.streams), a.wrongly)
}

// since tells what was repeated since a time.
func (w *witness) since(t time.Time) account {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := account{blobs: map[audit.Hash]bool{}, streams: map[string]int{}}
	for _, r := range w.repeats {
		if r.at.Before(t) {
			continue
		}
		a.repeated++
		a.blobs[r.blob] = true
		a.streams[r.stream]++
		if m := w.marked[r.blob]; !m.IsZero() && r.at.After(m) {
			a.wrongly++
		}
	}
	return a
}

// marks counts the blobs that were seen to be marked done.
func (w *witness) marks() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.marked)
}

// sample is how many requests the emulator had counted at a time.
type sample struct {
	at       time.Time
	requests int
}

// turnstile counts the requests of each tenant, by the emulator's own count; those for tokens do not matter.
type turnstile struct {
	api     *emulator.Emulator
	mu      sync.Mutex // guards the following
	samples map[string][]sample
}

const sampling = 50 * time.Millisecond

// watchRequests counts until the test ends.
func watchRequests(t *testing.T, api *emulator.Emulator, tenants ...string) *turnstile {
	w := &turnstile{api: api, samples: map[string][]sample{}}
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() {
		for ctx.Err() == nil {
			w.mu.Lock()
			for _, id := range tenants {
				w.samples[id] = append(w.samples[id], sample{time.Now(), requests(api, id)})
			}
			w.mu.Unlock()
			time.Sleep(sampling)
		}
	})
	t.Cleanup(func() {
		cancel()
		watching.Wait()
	})
	return w
}

func requests(api *emulator.Emulator, tenant string) int {
	s := api.Stats()
	return s.CountOf(tenant, "", "", "") - s.CountOf(tenant, "", "token", "")
}

// busiest returns the greatest number of requests of a tenant within any time of a length.
func (w *turnstile) busiest(tenant string, length time.Duration) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	most, first := 0, 0
	all := w.samples[tenant]
	for _, s := range all {
		for s.at.Sub(all[first].at) > length {
			first++
		}
		most = max(most, s.requests-all[first].requests)
	}
	return most
}

// between returns how many requests of a tenant were sent in a second, on average from one time to the other.
func (w *turnstile) between(tenant string, from, to time.Time) float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	in := slices.DeleteFunc(slices.Clone(w.samples[tenant]), func(s sample) bool { return s.at.Before(from) || s.at.After(to) })
	if len(in) < 2 {
		return 0
	}
	last := in[len(in)-1]
	return float64(last.requests-in[0].requests) / last.at.Sub(in[0].at).Seconds()
}

// check fails the test if a tenant's budget was exceeded in any minute, or if no minute came near to it.
func (w *turnstile) check(t *testing.T, perMinute int) {
	t.Helper()
	w.mu.Lock()
	ids := slices.Sorted(maps.Keys(w.samples))
	w.mu.Unlock()
	for _, id := range ids {
		most := w.busiest(id, time.Minute)
		t.Logf("tenant %s: %d requests in the busiest minute, %d are granted", id[:4], most, perMinute)
		if most > perMinute {
			t.Errorf("tenant %s: %d requests in a minute, %d are granted", id[:4], most, perMinute)
		}
		if most < perMinute*9/10 {
			t.Errorf("tenant %s: %d requests in the busiest minute: the budget was not used up", id[:4], most)
		}
	}
}
