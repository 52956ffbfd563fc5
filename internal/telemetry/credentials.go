package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"o365-kafka-connector/internal/audit"
)

// credentials reads how long the tenants' credentials are good for whenever they are scraped.
type credentials struct {
	snapshot func() []audit.Credential
	expires  *prometheus.Desc
}

// ObserveCredentials adds the gauge of the credentials that end some day, read from snapshot at each scrape. It may be
// called once.
func (m *Metrics) ObserveCredentials(snapshot func() []audit.Credential) {
	m.registry.MustRegister(credentials{snapshot, prometheus.NewDesc(namespace+"_auth_credential_expires_seconds",
		"Seconds until a tenant's credential ends; negative if it has ended.", []string{labelTenant, "credential"}, nil)})
}

// Describe lists the gauge.
func (c credentials) Describe(ch chan<- *prometheus.Desc) { ch <- c.expires }

// Collect reads the gauge.
func (c credentials) Collect(ch chan<- prometheus.Metric) {
	for _, one := range c.snapshot() {
		ch <- prometheus.MustNewConstMetric(c.expires, prometheus.GaugeValue, time.Until(one.Expires).Seconds(), one.Tenant.Name, one.Kind)
	}
}
