package emulator

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

type streamKey struct{ tenant, contentType string }

// Emulator is the Management Activity API with its token endpoint. It is safe for concurrent use.
type Emulator struct {
	config        Config
	tenants       map[string]*Tenant
	streams       map[streamKey]*stream
	order         []*stream
	rules         *ruleBook
	stats         *statistics
	subscriptions *subscriptions
	quotas        *quotas
	partials      *partials
	signer        signer
	vault         *vault
	signIns       *signIns

	mu    sync.Mutex
	until time.Time
}

// New returns an emulator. It panics on a configuration that Config.Validate refuses.
func New(config Config) *Emulator {
	config.setDefaults()
	if err := config.Validate(); err != nil {
		panic(fmt.Sprintf("emulator: %v", err))
	}
	e := &Emulator{
		config: config, tenants: map[string]*Tenant{}, streams: map[streamKey]*stream{},
		rules: newRuleBook(config.Seed, config.Faults), stats: newStatistics(), quotas: newQuotas(),
		partials: newPartials(), signer: newSigner(config.Seed), signIns: newSignIns(), vault: newVault(config.Tenants), until: config.Until,
	}
	e.addStreams()
	e.subscriptions = newSubscriptions(e.order, !config.Unsubscribed)
	return e
}

func (e *Emulator) addStreams() {
	filled := map[string]int{}
	for i, ct := range e.config.ContentTypes {
		filled[canonicalContentType(ct)] = i
	}
	for i := range e.config.Tenants {
		t := e.config.Tenants[i]
		t.ID = strings.ToLower(t.ID)
		e.tenants[t.ID] = &t
		for _, ct := range ContentTypes {
			key := mix(e.config.Seed ^ hashText(t.ID+"/"+ct))
			s := &stream{tenant: &t, contentType: ct, key: key, idSuffix: idSuffix(ct, key), recordBytes: e.config.RecordBytes}
			var share streamShare
			if n, ok := filled[ct]; ok {
				share = shareOf(e.config, i*len(filled)+n, len(e.config.Tenants)*len(filled))
			}
			s.line = newTimeline(e.config, key, share)
			e.streams[streamKey{t.ID, ct}] = s
			e.order = append(e.order, s)
		}
	}
}

func (e *Emulator) now() time.Time { return e.config.Clock().UTC() }

// horizon is the time up to which blobs are created.
func (e *Emulator) horizon(now time.Time) time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.until.IsZero() && e.until.Before(now) {
		return e.until
	}
	return now
}

// ServeHTTP answers for the API, the token endpoint and the emulator's own pages.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := e.newCall(w, r)
	first, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if page := ownPages[first]; page != nil {
		c.noteStrayToken()
		page(c)
		return
	}
	if strings.EqualFold(first, "api") {
		c.serveAPI(rest)
		return
	}
	if serve := hostPaths[r.URL.Path]; serve != nil {
		serve(c)
		return
	}
	c.serveLogin(r.URL.Path)
}

// routes are the operations under the feed, by path in lower case.
var routes = map[string]struct {
	operation string
	method    string
	serve     func(*call) *apiError
}{
	"subscriptions/start":         {opStart, http.MethodPost, (*call).serveStart},
	"subscriptions/stop":          {opStop, http.MethodPost, (*call).serveStop},
	"subscriptions/list":          {opSubscriptions, http.MethodGet, (*call).serveSubscriptions},
	"subscriptions/content":       {opContent, http.MethodGet, (*call).serveContent},
	"subscriptions/notifications": {opNotifications, http.MethodGet, (*call).serveNotifications},
	"resources/dlpsensitivetypes": {opSensitive, http.MethodGet, (*call).serveSensitiveTypes},
}

// serveAPI answers a request whose path begins with /api/.
func (c *call) serveAPI(path string) {
	parts := strings.SplitN(path, "/", 5) // version, tenant, activity, feed, operation
	if len(parts) < 5 || !strings.EqualFold(parts[2]+"/"+parts[3], "activity/feed") {
		c.notFound()
		return
	}
	c.tenantID = strings.ToLower(parts[1])
	c.tenant = c.e.tenants[c.tenantID]
	serve, ok := c.route(parts[4])
	if !ok {
		c.notFound()
		return
	}
	c.contentType = canonicalContentType(c.query("contentType"))
	if c.operation == opBlob {
		_, c.contentType, _ = parseContentID(c.contentID)
	}
	c.window, c.windowError = readWindow(c.query("startTime"), c.query("endTime"), c.e.now())
	defer c.record()
	if err := c.admit(); err != nil {
		c.refuse(err)
		return
	}
	if err := serve(c); err != nil {
		c.refuse(err)
	}
}

// route finds the operation; version says nothing more than v1.0 or, in old page links, v1.
func (c *call) route(path string) (func(*call) *apiError, bool) {
	lower := strings.ToLower(path)
	if strings.HasPrefix(lower, "audit/") && c.r.Method == http.MethodGet {
		c.operation, c.contentID = opBlob, path[len("audit/"):]
		return (*call).serveBlob, true
	}
	found, ok := routes[lower]
	if !ok || found.method != c.r.Method {
		return nil, false
	}
	c.operation = found.operation
	if c.operation == opContent && c.query("nextPage") != "" {
		c.operation = opPage
	}
	return found.serve, true
}

func (c *call) notFound() {
	c.operation = opUnknown
	c.noteStrayToken()
	c.refuse(&apiError{status: http.StatusNotFound, raw: `{"Message":"No HTTP resource was found that matches the request URI."}`})
	c.record()
}

// StopOffering ends the timeline now: no further blobs are created.
func (e *Emulator) StopOffering() {
	now := e.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.until.IsZero() || now.Before(e.until) {
		e.until = now
	}
}

// SetFaults replaces all faults.
func (e *Emulator) SetFaults(faults ...Fault) error {
	for i, f := range faults {
		if err := f.validate(); err != nil {
			return fmt.Errorf("fault %d: %w", i+1, err)
		}
	}
	e.rules.set(faults)
	return nil
}

// Faults returns the faults in force.
func (e *Emulator) Faults() []Fault { return e.rules.faults() }
