package pipeline

import (
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"o365-kafka-connector/internal/audit"
)

// Board shows what every stream of the process is doing.
type Board struct {
	log      *slog.Logger
	instance string

	mu      sync.Mutex // guards the following
	reports map[string]*Report
}

// NewBoard returns an empty board of the instance.
func NewBoard(log *slog.Logger, instance string) *Board {
	return &Board{log: log, instance: instance, reports: map[string]*Report{}}
}

// Report returns the stream's line on the board, a new one if it has none.
func (b *Board) Report(s audit.Stream) *Report {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, ok := b.reports[s.Key()]
	if !ok {
		r = &Report{
			stream: s, instance: b.instance,
			log:      b.log.With("tenant", s.Tenant.Name, "content_type", string(s.ContentType)),
			troubles: map[Part]*trouble{},
		}
		b.reports[s.Key()] = r
	}
	return r
}

// Pending returns the content ids of all blobs that failed and will be tried again.
func (b *Board) Pending() map[string]bool {
	ids := map[string]bool{}
	for _, r := range b.all() {
		r.mu.Lock()
		held := r.claims
		r.mu.Unlock()
		if held != nil {
			held.addPending(ids)
		}
	}
	return ids
}

func (b *Board) all() []*Report {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Collect(maps.Values(b.reports))
}

// Snapshot returns the status of all streams, sorted by tenant and content type.
func (b *Board) Snapshot() []audit.StreamStatus {
	reports := b.all()
	slices.SortFunc(reports, func(x, y *Report) int { return strings.Compare(x.stream.String(), y.stream.String()) })
	now := time.Now()
	out := make([]audit.StreamStatus, 0, len(reports))
	for _, r := range reports {
		out = append(out, r.status(now))
	}
	return out
}

// Report is one stream's line on the board. Calls may be concurrent.
type Report struct {
	stream   audit.Stream
	instance string
	log      *slog.Logger

	mu         sync.Mutex // guards the following
	owned      bool
	since      time.Time
	poll       time.Duration
	fresh      bool // nothing was ever published for this stream
	idle       audit.DesiredState
	mark       time.Time
	backlog    audit.Window
	pace       pace // at which it is read
	gaps       []audit.Gap
	lastList   time.Time
	lastRecord time.Time
	records    int64
	dropped    map[string]int64 // records, by rule of a filter
	rate       meanRate
	claims     *claims // of the run that works on it
	troubles   map[Part]*trouble
	lastError  *audit.LastError
}

// maxGaps is how many gaps are shown; the newest are kept.
const maxGaps = 1000

// take shows that this process works on the stream from now on.
func (r *Report) take(c audit.Checkpoint, poll time.Duration, held *claims) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.owned, r.since, r.poll, r.claims = true, time.Now().UTC(), poll, held
	r.fresh = r.fresh || r.records == 0 && c.N == 0
	r.mark, r.gaps, r.idle = c.Progress.Watermark, slices.Clone(c.Gaps), ""
	r.backlog, r.pace = c.Progress.Backlog(), pace{}
}

// release shows that nobody in this process works on the stream.
func (r *Report) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.owned, r.claims = false, nil
}

// rest shows that the stream is meant to do nothing: Paused, Stopped, or "" to go on.
func (r *Report) rest(idle audit.DesiredState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle = idle
}

func (r *Report) listed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lastList = time.Now().UTC()
}

// at shows how far the stream is read.
func (r *Report) at(p audit.Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mark, r.backlog = p.Watermark, p.Backlog()
}

// lost returns the gaps that are shown.
func (r *Report) lost() []audit.Gap {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.gaps)
}

func (r *Report) published(records int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if records == 0 {
		return
	}
	now := time.Now().UTC()
	r.lastRecord, r.fresh = now, false
	r.records += int64(records)
	r.rate.add(now, int64(records))
}

func (r *Report) filtered(rules map[string]int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for rule, n := range rules {
		if r.dropped == nil {
			r.dropped = map[string]int64{}
		}
		r.dropped[rule] += int64(n)
	}
}

// replaces reports whether a gap takes the place of an open one.
func replaces(g, open audit.Gap) bool {
	return open.To.IsZero() && open.Cause == g.Cause && open.From.Equal(g.From)
}

// closes reports whether the gap is shown already, as an open one.
func (r *Report) closes(g audit.Gap) bool {
	return slices.ContainsFunc(r.lost(), func(o audit.Gap) bool { return replaces(g, o) })
}

func (r *Report) gap(gaps []audit.Gap) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range gaps {
		r.gaps = slices.DeleteFunc(r.gaps, func(o audit.Gap) bool { return replaces(g, o) })
	}
	r.gaps = append(r.gaps, gaps...)
	r.gaps = r.gaps[max(0, len(r.gaps)-maxGaps):]
}

func (r *Report) status(now time.Time) audit.StreamStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := audit.StreamStatus{
		Tenant: r.stream.Tenant.ID, TenantName: r.stream.Tenant.Name, ContentType: r.stream.ContentType,
		State: r.state(now), Watermark: r.mark, RecordsTotal: r.records, RecordsPerSecond: r.rate.at(now),
		LastError: r.lastError, LastList: r.lastList, LastRecord: r.lastRecord, Gaps: []audit.GapStatus{},
		Filtered: maps.Clone(r.dropped),
	}
	if r.owned {
		s.Owner, s.Since = r.instance, r.since
	}
	if !r.mark.IsZero() {
		lag := max(now.Sub(r.mark), 0)
		s.LagSeconds = lag.Seconds()
		s.HoursToLoss = max(audit.MaxAge-lag, 0).Hours()
	}
	if !r.backlog.Empty() {
		s.Backlog = &audit.Backlog{
			From: r.backlog.Start, To: r.backlog.End, Hours: r.backlog.Duration().Hours(),
			EstimatedEnd: r.pace.end(now, r.backlog),
		}
	}
	if r.claims != nil {
		backlog, pending, _ := r.claims.counts()
		s.BacklogBlobs, s.PendingBlobs = int64(backlog), pending
	}
	for _, g := range r.gaps {
		s.Gaps = append(s.Gaps, audit.GapStatus{From: g.From, To: g.To, Cause: g.Cause, Count: g.Count})
	}
	return s
}

// firstContent is how long Microsoft takes at most until a new subscription has content.
const firstContent = 12 * time.Hour

func (r *Report) state(now time.Time) audit.State {
	switch {
	case !r.owned:
		return audit.StateUnowned
	case r.idle == audit.Paused:
		return audit.StatePaused
	case r.idle == audit.Stopped:
		return audit.StateStopped
	}
	if state := r.troubled(); state != "" {
		return state
	}
	switch {
	case now.Sub(r.mark) > 2*r.poll+time.Minute:
		return audit.StateCatchingUp
	case now.Sub(r.lastRecord) < r.poll+30*time.Second:
		return audit.StateReading
	case r.fresh && now.Sub(r.since) < firstContent:
		return audit.StateWaiting
	}
	return audit.StateQuiet
}

// meanRate is a mean over the last ten seconds.
type meanRate struct {
	counts [10]int64
	second int64
}

func (m *meanRate) add(now time.Time, n int64) {
	m.move(now)
	m.counts[m.second%int64(len(m.counts))] += n
}

func (m *meanRate) at(now time.Time) float64 {
	m.move(now)
	var sum int64
	for _, c := range m.counts {
		sum += c
	}
	return float64(sum) / float64(len(m.counts))
}

func (m *meanRate) move(now time.Time) {
	second := now.Unix()
	if second-m.second >= int64(len(m.counts)) {
		m.counts, m.second = [10]int64{}, second
	}
	for m.second < second {
		m.second++
		m.counts[m.second%int64(len(m.counts))] = 0
	}
}
