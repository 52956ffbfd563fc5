package telemetry

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"o365-kafka-connector/internal/audit"
)

const namespace = "connector"

// Label names of every metric that belongs to a stream.
const (
	labelTenant      = "tenant_name"
	labelContentType = "content_type"
)

// Metrics counts what the process does. Its methods satisfy the meters of the packages that do the work; calls may be
// concurrent and never block.
type Metrics struct {
	registry *prometheus.Registry

	availabilityLag *prometheus.HistogramVec
	eventAge        *prometheus.HistogramVec
	requestSeconds  *prometheus.HistogramVec
	publishSeconds  *prometheus.HistogramVec

	gaps             *prometheus.CounterVec
	blobs            *prometheus.CounterVec
	records          *prometheus.CounterVec
	filtered         *prometheus.CounterVec
	undecided        *prometheus.CounterVec
	deadLetters      *prometheus.CounterVec
	requests         *prometheus.CounterVec
	throttled        *prometheus.CounterVec
	checkpointErrors *prometheus.CounterVec
	fenced           *prometheus.CounterVec

	rebalances  prometheus.Counter
	logMessages *prometheus.CounterVec
}

// NewMetrics returns metrics in a registry of their own, together with Go's and the process's.
func NewMetrics() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.makeHistograms()
	m.makeCounters()
	m.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.availabilityLag, m.eventAge, m.requestSeconds, m.publishSeconds,
		m.gaps, m.blobs, m.records, m.filtered, m.undecided, m.deadLetters, m.requests, m.throttled, m.checkpointErrors, m.fenced,
		m.rebalances, m.logMessages)
	for _, l := range levels() {
		m.logMessages.WithLabelValues(l)
	}
	return m
}

func (m *Metrics) makeHistograms() {
	// Content is available minutes to hours after the event, and is kept for 7 days.
	ages := []float64{1, 5, 15, 30, 60, 300, 900, 1800, 3600, 3 * 3600, 12 * 3600, 24 * 3600, 3 * 24 * 3600, 7 * 24 * 3600}
	seconds := []float64{0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120}
	m.availabilityLag = histogram("availability_lag_seconds", "From a blob's contentCreated to its publishing.", ages)
	m.eventAge = histogram("event_age_seconds", "From the CreationTime of a blob's oldest record to its publishing.", ages)
	m.requestSeconds = histogram("api_request_seconds", "Time of a request to the Management Activity API.", seconds)
	m.publishSeconds = histogram("publish_seconds", "Time from handing events to the sink to its acknowledgement.", seconds)
}

func (m *Metrics) makeCounters() {
	m.gaps = counter("gaps_total", "Stretches of time that could not be read any more.")
	m.blobs = counter("blobs_total", "Blobs by result.", "result")
	m.records = counter("records_total", "Records by result.", "result")
	m.filtered = counter("records_filtered_total", "Records that a rule of a filter dropped, from one output or from all.", "rule")
	m.undecided = counter("dedupe_undecided_total", "Records published although another blob may have published them: nobody knows that it is done.")
	m.deadLetters = counter("dead_letters_total", "Blobs and records refused for good, by cause.", "cause")
	m.requests = counter("api_requests_total", "Requests to the Management Activity API, by operation and answer.", "operation", "code")
	m.throttled = counter("throttled_seconds_total", "Time spent waiting for the request budget or after a throttling answer.")
	m.checkpointErrors = counter("checkpoint_errors_total", "Failed calls to the checkpoint.")
	m.fenced = counter("fenced_total", "Runs that ended because another owner took the stream.")
	m.rebalances = prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: namespace, Name: "rebalances_total", Help: "Generations of the control group joined.",
	})
	m.logMessages = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "log_messages_total", Help: "Lines logged, by level.",
	}, []string{"level"})
}

func histogram(name, help string, buckets []float64) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: name, Help: help, Buckets: buckets,
	}, []string{labelTenant, labelContentType})
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help},
		append([]string{labelTenant, labelContentType}, labels...))
}

// Prepare creates the series of a stream, so that a zero can be told from a stream that is not there.
func (m *Metrics) Prepare(s audit.Stream) {
	for _, v := range []*prometheus.HistogramVec{m.availabilityLag, m.eventAge, m.requestSeconds, m.publishSeconds} {
		v.WithLabelValues(labels(s)...)
	}
	for _, v := range []*prometheus.CounterVec{m.gaps, m.throttled, m.checkpointErrors, m.fenced, m.undecided} {
		v.WithLabelValues(labels(s)...)
	}
	for _, result := range []string{"done", "pending", "dead_lettered"} {
		m.blobs.WithLabelValues(labels(s, result)...)
	}
	for _, result := range []string{"published", "filtered", "duplicate", "dead_lettered"} {
		m.records.WithLabelValues(labels(s, result)...)
	}
	for _, cause := range deadLetterCauses() {
		m.deadLetters.WithLabelValues(labels(s, string(cause))...)
	}
	for _, operation := range []string{"list-content", "fetch-blob"} {
		m.requests.WithLabelValues(labels(s, operation, "200")...)
	}
}

func deadLetterCauses() []audit.Cause {
	return []audit.Cause{
		audit.CauseNotFound, audit.CauseExpired, audit.CauseBadContentID, audit.CauseCut, audit.CauseMalformed,
		audit.CauseServer, audit.CauseTooLarge, audit.CauseRefused,
	}
}

func labels(s audit.Stream, more ...string) []string {
	return append([]string{s.Tenant.Name, string(s.ContentType)}, more...)
}

func levelName(l slog.Level) string {
	switch {
	case l < slog.LevelInfo:
		return "debug"
	case l < slog.LevelWarn:
		return "info"
	case l < slog.LevelError:
		return "warn"
	}
	return "error"
}

// Blob counts a blob by result.
func (m *Metrics) Blob(s audit.Stream, result string) {
	m.blobs.WithLabelValues(labels(s, result)...).Inc()
}

// Records counts n records by result.
func (m *Metrics) Records(s audit.Stream, result string, n int) {
	m.records.WithLabelValues(labels(s, result)...).Add(float64(n))
}

// Filtered counts n records that a rule of a filter dropped.
func (m *Metrics) Filtered(s audit.Stream, rule string, n int) {
	m.filtered.WithLabelValues(labels(s, rule)...).Add(float64(n))
}

// Undecided counts n records that may have been published twice, rather than not at all.
func (m *Metrics) Undecided(s audit.Stream, n int) {
	m.undecided.WithLabelValues(labels(s)...).Add(float64(n))
}

// DeadLetter counts a dead letter.
func (m *Metrics) DeadLetter(s audit.Stream, cause audit.Cause) {
	m.deadLetters.WithLabelValues(labels(s, string(cause))...).Inc()
}

// Gap counts a stretch that will never be read. Its cause is told by log and status.
func (m *Metrics) Gap(s audit.Stream, _ audit.Cause) { m.gaps.WithLabelValues(labels(s)...).Inc() }

// Published observes how long a blob took from contentCreated to publishing, and from its oldest record's
// CreationTime, which is 0 if unknown.
func (m *Metrics) Published(s audit.Stream, availability, age time.Duration) {
	m.availabilityLag.WithLabelValues(labels(s)...).Observe(max(0, availability.Seconds()))
	if age > 0 {
		m.eventAge.WithLabelValues(labels(s)...).Observe(age.Seconds())
	}
}

// CheckpointError counts a failed call to the checkpoint.
func (m *Metrics) CheckpointError(s audit.Stream) {
	m.checkpointErrors.WithLabelValues(labels(s)...).Inc()
}

// Fenced counts a run that another owner ended.
func (m *Metrics) Fenced(s audit.Stream) { m.fenced.WithLabelValues(labels(s)...).Inc() }

// Request observes one request to the API: operation is list-content, fetch-blob and the like, code the answer's error code or
// HTTP status. A request that belongs to no stream has no content type.
func (m *Metrics) Request(s audit.Stream, operation, code string, took time.Duration) {
	m.requests.WithLabelValues(labels(s, operation, code)...).Inc()
	m.requestSeconds.WithLabelValues(labels(s)...).Observe(took.Seconds())
}

// Throttled adds time spent waiting for the tenant's request budget.
func (m *Metrics) Throttled(s audit.Stream, waited time.Duration) {
	m.throttled.WithLabelValues(labels(s)...).Add(max(0, waited.Seconds()))
}

// SinkMeter observes publishers. It is a type of its own since the pipeline's meter has a method of the same name.
type SinkMeter struct{ m *Metrics }

// Sink returns the meter of the sink.
func (m *Metrics) Sink() SinkMeter { return SinkMeter{m: m} }

// Published observes the time from handing a commit to the sink to its acknowledgement.
func (s SinkMeter) Published(stream audit.Stream, took time.Duration) {
	s.m.publishSeconds.WithLabelValues(labels(stream)...).Observe(took.Seconds())
}

// Rebalance counts a generation of the control group.
func (m *Metrics) Rebalance() { m.rebalances.Inc() }

// Log counts a line of this level.
func (m *Metrics) Log(l slog.Level) { m.logMessages.WithLabelValues(levelName(l)).Inc() }
