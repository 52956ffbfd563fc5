package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"o365-kafka-connector/internal/audit"
)

// streams reads the gauges from the status of the streams whenever they are scraped.
type streams struct {
	instance string
	snapshot func() []audit.StreamStatus

	lastList, lastRecord, hoursToLoss, backlog, pending, owned, unowned *prometheus.Desc
}

// ObserveStreams adds the gauges of the streams, read from snapshot at each scrape. A stream that another instance owns
// is left to it; one that nobody owns is told by all. It may be called once.
func (m *Metrics) ObserveStreams(instance string, snapshot func() []audit.StreamStatus) {
	m.registry.MustRegister(&streams{
		instance:    instance,
		snapshot:    snapshot,
		lastList:    gauge("last_successful_list_timestamp_seconds", "When a listing last succeeded, 0 if never."),
		lastRecord:  gauge("last_record_timestamp_seconds", "When a record was last published, 0 if never."),
		hoursToLoss: gauge("hours_to_loss", "Hours until content that was not read yet is gone for good."),
		backlog:     gauge("backlog_blobs", "Blobs listed and not done yet."),
		pending:     gauge("pending_blobs", "Blobs that failed and are tried again beside the windows."),
		owned:       prometheus.NewDesc(namespace+"_owned_streams", "Streams that this process runs.", nil, nil),
		unowned:     prometheus.NewDesc(namespace+"_streams_unowned", "Streams that no process runs.", nil, nil),
	})
}

func gauge(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(namespace+"_"+name, help, []string{labelTenant, labelContentType}, nil)
}

// Describe lists the gauges.
func (c *streams) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.lastList, c.lastRecord, c.hoursToLoss, c.backlog, c.pending, c.owned, c.unowned} {
		ch <- d
	}
}

// Collect reads the gauges.
func (c *streams) Collect(ch chan<- prometheus.Metric) {
	owned, unowned := 0, 0
	for _, s := range c.snapshot() {
		switch {
		case s.State == audit.StateUnowned:
			unowned++
		case s.Owner == c.instance:
			owned++
		default:
			continue
		}
		c.collect(ch, s)
	}
	ch <- prometheus.MustNewConstMetric(c.owned, prometheus.GaugeValue, float64(owned))
	ch <- prometheus.MustNewConstMetric(c.unowned, prometheus.GaugeValue, float64(unowned))
}

// collect leaves out what would alert somebody of a stream that rests because he wanted it to.
func (c *streams) collect(ch chan<- prometheus.Metric, s audit.StreamStatus) {
	ch <- gaugeOf(c.lastRecord, timestamp(s.LastRecord), s)
	ch <- gaugeOf(c.backlog, float64(s.BacklogBlobs), s)
	ch <- gaugeOf(c.pending, float64(s.PendingBlobs), s)
	stopped := s.State == audit.StateStopped
	if !stopped && s.State != audit.StatePaused {
		ch <- gaugeOf(c.lastList, timestamp(s.LastList), s)
	}
	if !stopped && !s.Watermark.IsZero() { // before the stream was taken nobody knows
		ch <- gaugeOf(c.hoursToLoss, s.HoursToLoss, s)
	}
}

func gaugeOf(d *prometheus.Desc, value float64, s audit.StreamStatus) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, s.TenantName, string(s.ContentType))
}

func timestamp(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
