package telemetry

import (
	"cmp"
	"slices"
	"time"

	"o365-kafka-connector/internal/audit"
)

// Member is one process of the deployment.
type Member struct {
	ID      string    `json:"id"`
	Host    string    `json:"host"`
	Since   time.Time `json:"since"`
	Streams []string  `json:"streams"` // keys of the streams that it runs
}

// Status is what /api/status answers.
type Status struct {
	Instance string         `json:"instance"`
	Version  string         `json:"version"`
	Members  []Member       `json:"members"`
	Streams  []StreamStatus `json:"streams"`
	// Problems is what is wrong with the group, and what to do.
	Problems []string `json:"problems,omitempty"`
	// Credentials are those that end within audit.CredentialWarning, or have ended.
	Credentials []CredentialStatus `json:"credentials,omitempty"`
}

// CredentialStatus is a credential that has to be replaced.
type CredentialStatus struct {
	Tenant     string    `json:"tenant"`
	TenantName string    `json:"tenant_name"`
	Kind       string    `json:"kind"`
	Expires    time.Time `json:"expires"`
	Hint       string    `json:"hint"`
}

// StreamStatus is a stream in /api/status. What is not known is null.
type StreamStatus struct {
	audit.StreamStatus
	Since       *time.Time `json:"since"`
	Watermark   *time.Time `json:"watermark"`
	LagSeconds  *float64   `json:"lag_seconds"`
	HoursToLoss *float64   `json:"hours_to_loss"`
}

// status builds the answer from the streams' present state, sorted by tenant and content type.
func (s *Server) status() Status {
	st := Status{Instance: s.opts.Instance, Version: s.opts.Version, Streams: []StreamStatus{}, Credentials: s.credentials()}
	for _, stream := range sorted(s.opts.Streams()) {
		if stream.Gaps == nil {
			stream.Gaps = []audit.GapStatus{}
		}
		told := StreamStatus{StreamStatus: stream, Since: known(stream.Since), Watermark: known(stream.Watermark)}
		if told.Watermark != nil {
			told.LagSeconds, told.HoursToLoss = &stream.LagSeconds, &stream.HoursToLoss
		}
		st.Streams = append(st.Streams, told)
	}
	whole := false
	if s.opts.Members != nil {
		st.Members, whole = s.opts.Members()
	}
	if !whole {
		st.Members = []Member{s.alone(st.Streams)}
	}
	if s.opts.Problems != nil {
		st.Problems = s.opts.Problems()
	}
	for i := range st.Members {
		if st.Members[i].Streams == nil {
			st.Members[i].Streams = []string{}
		}
	}
	return st
}

// credentials are those that somebody has to replace soon.
func (s *Server) credentials() []CredentialStatus {
	if s.opts.Credentials == nil {
		return nil
	}
	var due []CredentialStatus
	now := time.Now()
	for _, c := range s.opts.Credentials() {
		if c.Due(now) {
			due = append(due, CredentialStatus{c.Tenant.ID, c.Tenant.Name, c.Kind, c.Expires.UTC(), c.Hint})
		}
	}
	return due
}

// alone is this process as a member, with the streams that it runs itself.
func (s *Server) alone(streams []StreamStatus) Member {
	m := Member{ID: s.opts.Instance, Host: s.opts.Host, Since: s.opts.Started}
	for _, stream := range streams {
		if stream.Owner == s.opts.Instance {
			m.Streams = append(m.Streams, stream.Tenant+"/"+string(stream.ContentType))
		}
	}
	return m
}

func sorted(streams []audit.StreamStatus) []audit.StreamStatus {
	out := slices.Clone(streams)
	slices.SortStableFunc(out, func(a, b audit.StreamStatus) int {
		return cmp.Or(cmp.Compare(a.TenantName, b.TenantName), cmp.Compare(a.Tenant, b.Tenant),
			cmp.Compare(a.ContentType, b.ContentType))
	})
	return out
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
