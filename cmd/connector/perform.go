package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/checkpoint"
	"o365-kafka-connector/internal/command"
	"o365-kafka-connector/internal/control"
	"o365-kafka-connector/internal/daemon"
	"o365-kafka-connector/internal/sink"
	"o365-kafka-connector/internal/source"
)

// commandTimeout bounds a command that neither reads content nor waits for others to read it.
const commandTimeout = 3 * time.Minute

// request is a command as it was typed.
type request struct {
	name      control.Name
	flags     commandFlags
	arguments map[string]any
	quiet     bool // the text is a table: nobody wants it beside json
}

// commandFlags are those of every command that can also be sent over Kafka.
type commandFlags struct {
	tenantFlags

	ViaKafka bool `help:"Send the command over the control topic and wait for the reply."`
}

// perform checks a command before anything is done, does it, and prints the answer.
func perform(ctx context.Context, env *environment, c *cli, r request) error {
	cfg, err := config.Load(c.ConfigFile)
	if err != nil {
		return err
	}
	cmd, err := control.New(string(r.name), r.flags.Tenant, r.arguments, time.Now())
	if err != nil {
		return err
	}
	if bounded(r.name) {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, commandTimeout)
		defer cancel()
	}
	out := &printer{env: env, json: r.flags.json(), quiet: r.quiet}
	if r.flags.ViaKafka && !cfg.Control.Enabled {
		return usageError{errors.New("--via-kafka: control.enabled is false, so nobody takes commands over Kafka: leave the flag out, or enable control")}
	}
	if r.flags.ViaKafka {
		err = viaKafka(ctx, cfg, cmd, out)
	} else {
		err = directly(ctx, cfg, cmd, out)
	}
	return errors.Join(err, out.finish())
}

// bounded reports whether a command has to end soon.
func bounded(name control.Name) bool {
	switch name {
	case control.StopSubscription, control.ListContent, control.Backfill, control.Redrive, control.CheckpointSet, control.CheckpointReset:
		return false
	default:
		return true
	}
}

// directly does the command in this process.
func directly(ctx context.Context, cfg *config.Config, cmd control.Command, out *printer) error {
	s := newSession(cfg)
	defer s.close()
	return command.New(s.options(ctx, out)).Do(ctx, cmd, out.part)
}

// options are for a command in this process.
func (s *session) options(ctx context.Context, out *printer) command.Options {
	o := command.Options{
		Config: s.config, Client: func(t config.Tenant) (*source.Client, error) { return s.client(ctx, t) },
		Store:    func() (checkpoint.Operator, error) { return s.openStore(ctx) },
		Logins:   s.signIns(),
		Progress: out.progress,
	}
	if s.config.Sink.Kind == sink.KindKafka {
		o.Letters = s.letters
	}
	if s.config.Control.Enabled {
		o.Members, o.Problems = s.members, s.problems
	}
	return o
}

// session is what one command has opened.
type session struct {
	config    *config.Config
	documents *daemon.Documents

	mu      sync.Mutex // guards the following
	clients map[string]*source.Client
	store   checkpoint.Store
	sink    sink.Sink
	conn    *broker.Conn
	roster  *control.Roster
}

func newSession(cfg *config.Config) *session {
	return &session{config: cfg, clients: map[string]*source.Client{}, documents: daemon.NewDocuments(cfg.Checkpoint)}
}

func (s *session) signIns() daemon.SignIns { return daemon.SignIns{Documents: s.documents} }

func (s *session) client(ctx context.Context, t config.Tenant) (*source.Client, error) {
	budget := s.budget(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.clients[t.ID]; c != nil {
		return c, nil
	}
	tokens, err := s.signIns().Tokens(t)
	if err != nil {
		return nil, usageError{fmt.Errorf("tenant %s: %w", t.Name, err)}
	}
	c, err := newClient(t, source.Options{Tokens: tokens, Budget: budget})
	if err == nil {
		s.clients[t.ID] = c
	}
	return c, err
}

// storeWait is how long a command that needs no store waits for it.
const storeWait = 2 * time.Second

// budget returns the request budget that the instances share; nil, for one of this process's own, if there is none or
// it cannot be had: what only talks to the API has to work without a store.
func (s *session) budget(ctx context.Context) source.Budget {
	if s.config.Checkpoint.Kind != checkpoint.KindRedis {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeWait)
	defer cancel()
	store, err := s.openStore(ctx)
	if err != nil || store.Ping(ctx) != nil {
		return nil
	}
	if shared, ok := checkpoint.SharedBudget(store); ok {
		return shared
	}
	return nil
}

func (s *session) openStore(ctx context.Context) (checkpoint.Store, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.store == nil {
		store, err := checkpoint.Open(ctx, s.config.Checkpoint)
		if err != nil {
			return nil, fmt.Errorf("open checkpoint: %w", err)
		}
		s.store = store
	}
	return s.store, nil
}

// members asks the broker who is in the group.
func (s *session) members(ctx context.Context) ([]control.Member, error) {
	roster, err := s.openRoster()
	if err != nil {
		return nil, err
	}
	return roster.Overview(ctx)
}

// problems asks the broker what is wrong with the group.
func (s *session) problems(ctx context.Context) ([]string, error) {
	roster, err := s.openRoster()
	if err != nil {
		return nil, err
	}
	return roster.Problems(ctx)
}

func (s *session) openRoster() (*control.Roster, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.roster == nil {
		conn, err := broker.New(s.config.Kafka.Config, clientID)
		if err != nil {
			return nil, fmt.Errorf("connect to Kafka: %w", err)
		}
		s.conn, s.roster = conn, control.NewRoster(s.config.Control, conn)
	}
	return s.roster, nil
}

func (s *session) close() {
	if s.conn != nil {
		s.conn.Close()
	}
	for _, c := range s.clients {
		c.Close()
	}
	if s.sink != nil {
		_ = s.sink.Close() // nothing was written
	}
	_ = s.documents.Close()
	if s.store != nil {
		_ = s.store.Close() // nothing is lost: every call has been answered
	}
}

// letters are read from where the daemon puts them.
func (s *session) letters() (command.Letters, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sink == nil {
		opened, err := sink.Open(s.config.SinkSettings(), sink.Options{})
		if err != nil {
			return nil, fmt.Errorf("open sink: %w", err)
		}
		s.sink = opened
	}
	letters, _ := sink.LettersOf(s.sink)
	return letters, nil
}

// viaKafka has the stream's owner do the command, wherever that runs.
func viaKafka(ctx context.Context, cfg *config.Config, cmd control.Command, out *printer) error {
	if cmd.Tenant != "" || !cmd.Name.Reads() {
		tenants, err := cfg.Select(cmd.Tenant)
		if err != nil {
			return usageError{fmt.Errorf("--tenant: %w", err)}
		}
		if len(tenants) > 1 {
			return usageError{fmt.Errorf("--tenant: %s needs one", cmd.Name)}
		}
		cmd.Tenant = tenants[0].ID
	}
	conn, err := broker.New(cfg.Kafka.Config, clientID)
	if err != nil {
		return usageError{fmt.Errorf("kafka: %w", err)}
	}
	defer conn.Close()
	client, err := control.NewClient(cfg.Control, conn)
	if err != nil {
		return usageError{err}
	}
	// A command that nobody has answered by then has expired.
	ctx, cancel := context.WithTimeout(ctx, cfg.Control.MaxAge.D())
	defer cancel()
	out.progress(command.Progress{Text: "waiting for the reply"})
	for r, err := range client.Do(ctx, cmd) {
		if err != nil {
			return err
		}
		if r.Status == control.StatusError && r.Error != nil {
			return &control.Refusal{Outcome: r.Outcome, Code: r.Error.Code, Message: r.Error.Message, Hint: r.Error.Hint}
		}
		if err := out.part(r); err != nil {
			return err
		}
	}
	return nil
}
