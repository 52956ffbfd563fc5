package daemon

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/checkpoint"
	"o365-kafka-connector/internal/command"
	"o365-kafka-connector/internal/control"
	"o365-kafka-connector/internal/pipeline"
	"o365-kafka-connector/internal/sink"
	"o365-kafka-connector/internal/source"
)

// runGroup is a member of the group until the context ends: it runs the streams that fall to it and does the commands
// that reach it.
func (d *Daemon) runGroup(ctx context.Context, s services, r *pipeline.Runner) error {
	known := &streamList{}
	options, err := d.groupOptions(s, r, known)
	if err != nil {
		return err
	}
	group, err := control.NewGroup(d.config.Control, options)
	if err != nil {
		return fmt.Errorf("set up group: %w", err)
	}
	known.owns = group.Owns
	d.health.AddCheck("group", group.Check)
	d.view.join(control.NewRoster(d.config.Control, s.conn))
	ctx, leave := context.WithCancel(ctx)
	var looking sync.WaitGroup
	defer looking.Wait()
	defer leave()
	d.eachStream(ctx, &looking, func(t *tenant, s audit.Stream) {
		known.add(t, s)
		group.Changed()
	})
	return group.Run(ctx)
}

func (d *Daemon) groupOptions(s services, r *pipeline.Runner, known *streamList) (control.Options, error) {
	settings, err := d.config.Fingerprints()
	if err != nil {
		return control.Options{}, err
	}
	roster := control.NewRoster(d.config.Control, s.conn)
	executor := command.New(command.Options{
		Config: d.config, Client: d.clientOf, Store: func() (checkpoint.Operator, error) { return s.store, nil },
		Letters: lettersOf(s.sink),
		Owned:   known.owned,
		Members: roster.Overview, Problems: roster.Problems,
		Logins: SignIns{d.logins, d.log},
	})
	tell := &commandTeller{sink: s.sink, log: d.log}
	o := control.Options{
		Conn: s.conn, Instance: d.name, Host: d.host, Deployment: deployment{s.store, d.config.Control.GroupID}, Streams: known.streams, Handle: executor.Do, Answers: s.store, Told: tell.told, Joined: d.metrics.Rebalance,
		Run: func(ctx context.Context, s audit.Stream) {
			if t := known.tenant(s); t != nil {
				d.runStream(ctx, r, t, s)
			}
		},
		Settings: settings, Release: d.version,
		Log: d.log, CreateTopics: d.config.Kafka.CreateTopics, Replication: d.config.Kafka.Topics.ReplicationFactor,
	}
	for _, t := range d.tenants {
		o.Tenants = append(o.Tenants, t.config.Audit())
	}
	return o, nil
}

// lettersOf is nil for a sink that keeps none.
func lettersOf(s sink.Sink) func() (command.Letters, error) {
	letters, ok := sink.LettersOf(s)
	if !ok {
		return nil
	}
	return func() (command.Letters, error) { return letters, nil }
}

// deployment remembers what the members of a group have to agree on.
type deployment struct {
	store checkpoint.Store
	group string
}

// BindPartitions stores the number of the control topic's partitions, or returns the one that is stored.
func (d deployment) BindPartitions(ctx context.Context, n int) (int, error) {
	return d.store.BindPartitions(ctx, d.group, n)
}

// clientOf returns the tenant's client, which its streams use, too: they share the tokens.
func (d *Daemon) clientOf(t config.Tenant) (*source.Client, error) {
	i := slices.IndexFunc(d.tenants, func(o *tenant) bool { return o.config.ID == t.ID })
	if i < 0 {
		return nil, fmt.Errorf("find tenant %s: %w", t.Name, config.ErrNoTenant)
	}
	return d.tenants[i].client, nil
}

// streamList is the streams that this process may run, and whose they are.
type streamList struct {
	owns func(audit.Stream) bool // whether this process owns the stream's partition

	mu      sync.Mutex // guards the following
	list    []audit.Stream
	tenants map[string]*tenant // by stream key
}

func (l *streamList) add(t *tenant, s audit.Stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tenants == nil {
		l.tenants = map[string]*tenant{}
	}
	l.list, l.tenants[s.Key()] = append(l.list, s), t
}

// owned reports whether the stream is run by this process, now or in a moment.
func (l *streamList) owned(s audit.Stream) bool { return l.tenant(s) != nil && l.owns(s) }

func (l *streamList) streams() []audit.Stream {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.list)
}

func (l *streamList) tenant(s audit.Stream) *tenant {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tenants[s.Key()]
}

// tellTime bounds what telling of a command may take: it was answered already.
const tellTime = time.Second

// commandTeller leaves a message on the status topic for each command.
type commandTeller struct {
	sink sink.Sink
	log  interface{ Warn(string, ...any) }
}

func (t *commandTeller) told(c control.Command, outcome control.Outcome) {
	ctx, cancel := context.WithTimeout(context.Background(), tellTime)
	defer cancel()
	err := t.sink.Tell(ctx, []audit.StatusMessage{{
		Stream: audit.Stream{Tenant: audit.Tenant{ID: c.Tenant}, ContentType: c.Arguments.ContentType},
		Kind:   "command", Time: time.Now().UTC(), Cause: audit.Cause(outcome), Message: commandText(c, outcome),
	}})
	if err != nil {
		t.log.Warn("status message on a command is not published", "id", c.ID, "error", err)
	}
}

// commandText tells of a command in logfmt.
func commandText(c control.Command, outcome control.Outcome) string {
	name := string(c.Name)
	if name == "" {
		name = c.Typed
	}
	var text strings.Builder
	for _, f := range []struct {
		key   string
		value any
	}{
		{"id", c.ID},
		{"command", name},
		{"issued_by", c.IssuedBy},
		{"topic", c.Origin.Topic},
		{"partition", c.Origin.Partition},
		{"offset", c.Origin.Offset},
		{"outcome", outcome},
	} {
		if text.Len() > 0 {
			text.WriteByte(' ')
		}
		value := fmt.Sprint(f.value)
		if value == "" || strings.ContainsAny(value, " =\"\\\n\t") {
			value = fmt.Sprintf("%q", value)
		}
		fmt.Fprintf(&text, "%s=%s", f.key, value)
	}
	return text.String()
}
