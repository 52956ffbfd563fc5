package config

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/auth"
	"o365-kafka-connector/internal/checkpoint"
	"o365-kafka-connector/internal/sink"
	"o365-kafka-connector/internal/transform"
	"o365-kafka-connector/internal/unit"
)

var guid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

func equalGUID(a, b string) bool { return strings.EqualFold(a, strings.TrimSpace(b)) }

func tenantNames(tenants []Tenant) string {
	var names []string
	for _, t := range tenants {
		names = append(names, t.Name)
	}
	return strings.Join(names, ", ")
}

// normalize brings values that may be written in several ways into the one that counts. What is wrong stays as it is.
func (c *Config) normalize() {
	for i := range c.Tenants {
		t := &c.Tenants[i]
		t.ID = strings.ToLower(strings.TrimSpace(t.ID))
		if t.Name == "" {
			t.Name = t.ID
		}
		if t.PublisherIdentifier == "" {
			t.PublisherIdentifier = t.ID
		}
		for j, name := range t.ContentTypes {
			if ct, err := audit.ParseContentType(name); err == nil {
				t.ContentTypes[j] = string(ct)
			}
		}
	}
}

// section is a part of the configuration that knows what is wrong with it.
type section struct {
	path     string
	validate func() error
}

func (l *loader) validate(c *Config) {
	sections := []section{
		{"source", c.Source.Validate},
		{"filter", c.Filter.Validate},
		{"output", c.Output.Validate},
		{"dedupe", func() error { return c.validateDedupe(c.Dedupe) }},
		{"redact", c.Redact.Validate},
		{"sink", c.Sink.Validate},
		{"control", c.Control.Validate},
		{"checkpoint", c.Checkpoint.Validate},
		{"http", c.HTTP.Validate},
		{"log", c.Log.Validate},
		{"shutdown", c.Shutdown.Validate},
		{"", c.validateControl},
		{"", c.validateOutput},
		{"", func() error { return c.validateOutputs(c.Outputs) }},
	}
	if c.Sink.Kind == sink.KindKafka || c.Control.Enabled { // else nothing of it is used
		sections = append(sections, section{"kafka", c.Kafka.Validate})
	}
	general := map[string]bool{}
	for _, s := range sections {
		for _, text := range texts(s.validate()) {
			if takenOver(text, general) {
				continue
			}
			general[s.path+"."+text] = true
			l.report(s.path, text)
		}
	}
	if len(c.Tenants) == 0 && !l.failed["tenants"] {
		l.add(l.lines["tenants"], "tenants", "must name at least one tenant: its id, and its auth with client_id and client_secret")
	}
	for i := range c.Tenants {
		l.validateTenant(c, i, general)
	}
}

// takenOver reports whether an output's problem is that of the section which the output takes over.
func takenOver(text string, general map[string]bool) bool {
	_, own, ok := strings.Cut(text, "].")
	return ok && strings.HasPrefix(text, "outputs[") && general[own]
}

// validateTenant leaves out what is wrong with the settings that the tenant has from the whole file.
func (l *loader) validateTenant(c *Config, i int, general map[string]bool) {
	t := c.Tenants[i]
	path := fmt.Sprintf("tenants[%d]", i)
	for _, text := range append(texts(t.validate()), c.duplicates(i)...) {
		l.report(path, text)
	}
	kafka := c.Kafka
	kafka.Topic = t.Kafka.Topic
	sections := []section{
		{"source", t.Source.Validate},
		{"filter", t.Filter.Validate},
		{"output", t.Output.Validate},
		{"dedupe", func() error { return c.validateDedupe(t.Dedupe) }},
		{"redact", t.Redact.Validate},
	}
	if c.Sink.Kind == sink.KindKafka {
		sections = append(sections, section{"kafka", kafka.Validate})
	}
	for _, s := range sections {
		for _, text := range texts(s.validate()) {
			if !general[s.path+"."+text] {
				l.report(path+"."+s.path, text)
			}
		}
	}
	for _, text := range texts(c.validateOutputs(t.Outputs)) {
		if !general["."+text] && !takenOver(text, general) {
			l.report(path, text)
		}
	}
	for _, text := range texts(t.Auth.Validate()) {
		l.report(path+".auth", text)
	}
}

// report notes a problem whose text begins with the key in its section.
func (l *loader) report(section, text string) {
	key, rest, ok := strings.Cut(text, ": ")
	if !ok {
		key, rest = "", text
	}
	path := join(section, key)
	if key == "" {
		path = section
	}
	if l.failed[path] {
		return
	}
	if len(l.problems) < maxProblems {
		l.problems = append(l.problems, Problem{Line: l.line(path), Path: path, Text: rest})
	}
}

// line finds the key in the file, or the nearest section around it.
func (l *loader) line(path string) int {
	for path != "" {
		if n, ok := l.lines[path]; ok {
			return n
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return 0
}

// texts takes joined errors apart.
func texts(err error) []string {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error }) //nolint:errorlint // only what errors.Join made is taken apart
	if !ok {
		return []string{err.Error()}
	}
	var out []string
	for _, one := range joined.Unwrap() {
		out = append(out, texts(one)...)
	}
	return out
}

// Validate returns every problem, each starting with its key.
func (s Shutdown) Validate() error {
	if s.Grace <= 0 || s.Grace > unit.Duration(time.Hour) {
		return errors.New("grace: must be more than 0 and at most 1h, e.g. 20s")
	}
	return nil
}

// shareable reports whether several instances could share the streams: events go to Kafka and progress is in Redis. Else
// nobody needs a broker, so there is no group unless the file asks for one.
func (c *Config) shareable() bool {
	return c.Sink.Kind == sink.KindKafka && c.Checkpoint.Kind == checkpoint.KindRedis
}

func (c *Config) validateControl() error {
	var errs []error
	if c.Control.Enabled && c.Checkpoint.Kind == checkpoint.KindFile {
		errs = append(errs, errors.New("control.enabled: true needs checkpoint.kind: redis: a directory belongs to one instance, and the group has to share it"))
	}
	if !c.Fetch && !c.Control.Enabled {
		errs = append(errs, errors.New("fetch: false needs control.enabled: true: there would be nothing to do"))
	}
	return errors.Join(errs...)
}

// validateDedupe looks for somebody who remembers what was published.
func (c *Config) validateDedupe(d transform.DedupeConfig) error {
	if d.Drops() && c.Checkpoint.Kind == checkpoint.KindFile {
		return errors.New("records: drop needs checkpoint.kind: redis, where it is kept which records were published")
	}
	return d.Validate()
}

// validate returns what is wrong with the keys that only a tenant has.
func (t Tenant) validate() error {
	var errs []error
	if !guid.MatchString(t.ID) {
		errs = append(errs, errors.New("id: must be the tenant's GUID, as 11111111-1111-1111-1111-111111111111"))
	}
	if strings.ContainsFunc(t.Name, func(r rune) bool { return r < ' ' || r == 0x7f }) || len(t.Name) > 100 {
		errs = append(errs, errors.New("name: must be at most 100 characters in one line"))
	}
	if t.Name == "kafka" {
		errs = append(errs, errors.New("name: stands for the Kafka cluster in metrics: choose another"))
	}
	if _, _, err := auth.Cloud(t.Cloud); err != nil {
		errs = append(errs, fmt.Errorf("cloud: %w", err))
	}
	if guid.MatchString(t.ID) && !guid.MatchString(strings.ToLower(t.PublisherIdentifier)) {
		errs = append(errs, errors.New("publisher_identifier: must be a GUID, or empty for the tenant's id"))
	}
	errs = append(errs, checkURL("base_url", t.BaseURL, "https://manage.office.com"),
		checkURL("authority", t.Authority, "https://login.microsoftonline.com"))
	return errors.Join(append(errs, t.validateContentTypes()...)...)
}

func (t Tenant) validateContentTypes() []error {
	var errs []error
	seen := map[string]bool{}
	for i, name := range t.ContentTypes {
		if _, err := audit.ParseContentType(name); err != nil {
			errs = append(errs, fmt.Errorf("content_types[%d]: %w", i, err))
		}
		if seen[name] {
			errs = append(errs, fmt.Errorf("content_types[%d]: %s is named twice: keep one", i, name))
		}
		seen[name] = true
	}
	return errs
}

func checkURL(key, value, example string) error {
	if value == "" {
		return nil
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return fmt.Errorf("%s: must be scheme and host, as %s", key, example)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%s: must hold no user, query or fragment, as %s", key, example)
	}
	return nil
}

// duplicates compares the i-th tenant with those before it.
func (c *Config) duplicates(i int) []string {
	var out []string
	for j, other := range c.Tenants[:i] {
		t := c.Tenants[i]
		switch {
		case t.ID != "" && t.ID == other.ID:
			out = append(out, fmt.Sprintf("id: tenants[%d] has the same: join the two, or correct one", j))
		case t.Name != "" && t.Name == other.Name:
			out = append(out, fmt.Sprintf("name: tenants[%d] has the same: names tell tenants apart", j))
		}
	}
	return out
}
