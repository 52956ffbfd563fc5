package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/sink"
)

// deliveries reads what the daemon writes to its files.
type deliveries struct {
	events, deadLetters, status tail

	tally    *emulator.Tally
	counts   map[[2]string]int
	bare     []string            // records that are no incidents
	nameless []incident          // those without an id
	letters  []map[string]string // headers of dead letters
	statuses []statusMessage
}

type incident struct {
	RawJSON string `json:"rawJSON"`

	MicrosoftManagement *struct {
		ContentRecord struct{ ID string }
		Source        struct{ Tenant, ContentType, ContentID string }
	}
}

type statusMessage struct {
	ContentType string `json:"content_type"`
	Kind        string `json:"kind"`
	Cause       string `json:"cause"`
	Count       int    `json:"count"`
}

func newDeliveries(path string) *deliveries {
	return &deliveries{
		events: tail{path: path}, deadLetters: tail{path: path + sink.DeadLetterSuffix}, status: tail{path: path + sink.StatusSuffix},
		tally: emulator.NewTally(), counts: map[[2]string]int{},
	}
}

// read takes in what was written since the last call.
func (d *deliveries) read() error {
	return errors.Join(d.events.read(d.addEvent), d.deadLetters.read(d.addDeadLetter), d.status.read(d.addStatus))
}

func (d *deliveries) addEvent(line []byte) error {
	var i incident
	err := json.Unmarshal(line, &i)
	if _, other := errors.AsType[*json.UnmarshalTypeError](err); err != nil && !other { // a raw record may be anything
		return err
	}
	if i.MicrosoftManagement == nil {
		d.bare = append(d.bare, string(line))
		return nil
	}
	from, id := i.MicrosoftManagement.Source, i.MicrosoftManagement.ContentRecord.ID
	d.tally.Add(from.ContentID, id)
	d.counts[[2]string{from.Tenant, from.ContentType}]++
	if id == "" {
		d.nameless = append(d.nameless, i)
	}
	return nil
}

func (d *deliveries) addDeadLetter(line []byte) error {
	var m struct{ Headers map[string]string }
	err := json.Unmarshal(line, &m)
	d.letters = append(d.letters, m.Headers)
	return err
}

func (d *deliveries) addStatus(line []byte) error {
	var m struct{ Value statusMessage }
	err := json.Unmarshal(line, &m)
	d.statuses = append(d.statuses, m.Value)
	return err
}

// tail reads a file of lines while it grows.
type tail struct {
	path   string
	offset int64
	rest   []byte // of a line that is not complete yet
}

// read passes on the lines that were completed since the last call. A file that is not there has none.
func (t *tail) read(add func(line []byte) error) error {
	file, err := os.Open(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	buf := make([]byte, 256<<10)
	for {
		n, err := file.ReadAt(buf, t.offset)
		t.offset += int64(n)
		t.rest = append(t.rest, buf[:n]...)
		if lerr := t.split(add); lerr != nil {
			return lerr
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (t *tail) split(add func(line []byte) error) error {
	for {
		line, rest, found := bytes.Cut(t.rest, []byte{'\n'})
		if !found {
			t.rest = append([]byte(nil), t.rest...)
			return nil
		}
		t.rest = rest
		if err := add(line); err != nil {
			return err
		}
	}
}

func (d *deliveries) count(tenant, contentType string) int {
	n := 0
	for key, count := range d.counts {
		if (tenant == "" || tenant == key[0]) && (contentType == "" || contentType == key[1]) {
			n += count
		}
	}
	return n
}

// request is one that reached the emulator.
type request struct {
	at     time.Time
	method string
	path   string
	query  url.Values
}

// window returns the times of a listing.
func (r request) window() (from, to time.Time) {
	from, _ = time.Parse("2006-01-02T15:04:05", r.query.Get("startTime"))
	to, _ = time.Parse("2006-01-02T15:04:05", r.query.Get("endTime"))
	return from, to
}

// requestLog notes the requests on their way to the emulator.
type requestLog struct {
	next http.Handler

	mu  sync.Mutex // guards the following
	all []request
}

// ServeHTTP implements http.Handler.
func (l *requestLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	l.all = append(l.all, request{at: time.Now(), method: r.Method, path: r.URL.Path, query: r.URL.Query()})
	l.mu.Unlock()
	l.next.ServeHTTP(w, r)
}

// to returns the requests to paths that end so.
func (l *requestLog) to(suffix string) []request {
	return l.find(func(r request) bool { return strings.HasSuffix(r.path, suffix) })
}

// of returns a tenant's requests with a parameter of this value; an empty name stands for any request.
func (l *requestLog) of(tenant, name, value string) []request {
	return l.find(func(r request) bool {
		return strings.Contains(r.path, "/"+tenant+"/activity/") && (name == "" || r.query.Get(name) == value)
	})
}

func (l *requestLog) find(wanted func(request) bool) []request {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []request
	for _, r := range l.all {
		if wanted(r) {
			found = append(found, r)
		}
	}
	return found
}

// listings returns the first pages that were asked for.
func (l *requestLog) listings() []request {
	var first []request
	for _, r := range l.to("/subscriptions/content") {
		if r.query.Has("startTime") {
			first = append(first, r)
		}
	}
	return first
}

// stranger is a host that nobody configured.
type stranger struct {
	*httptest.Server

	mu       sync.Mutex // guards the following
	requests []string
}

func newStranger(t *testing.T) *stranger {
	s := &stranger{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		asked := r.Method + " " + r.URL.Path
		if r.Header.Get("Authorization") != "" {
			asked += " with a token"
		}
		s.requests = append(s.requests, asked)
	}))
	t.Cleanup(s.Close)
	return s
}

// untouched fails the test if anybody came.
func (s *stranger) untouched(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) > 0 {
		t.Errorf("a host that nobody configured was asked: %q", s.requests)
	}
}

// logbook keeps the daemon's log.
type logbook struct {
	mu   sync.Mutex // guards the following
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// lines returns the lines that hold all of the words.
func (l *logbook) lines(words ...string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
next:
	for line := range strings.Lines(l.text.String()) {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue next
			}
		}
		found = append(found, line)
	}
	return found
}

func (l *logbook) tail(n int) string {
	lines := l.lines()
	return strings.Join(lines[max(0, len(lines)-n):], "")
}
