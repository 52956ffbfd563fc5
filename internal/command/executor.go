// Package command does what operators ask for: the commands of the Cortex XSOAR integration and the daemon's own. There
// is one implementation of each, for the command line and for the control topic.
//
// A command that concerns a stream's owner, wherever that runs, is written into the stream's wish, which the owner reads
// before every poll; the command then waits until the owner's status or checkpoint shows that it was obeyed. Nothing
// here writes to a checkpoint.
package command

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"time"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/checkpoint"
	"o365-kafka-connector/internal/control"
	"o365-kafka-connector/internal/source"
)

// Options are what commands work with.
type Options struct {
	Config *config.Config
	// Client returns the API client of a tenant. It may be called often; the caller closes what it returned.
	Client func(config.Tenant) (*source.Client, error)
	// Store returns the store of checkpoints. It may be called often, and is not called by commands that need none.
	Store func() (checkpoint.Operator, error)
	// Letters returns the dead letters. It may be called often; nil: there are none that could be read back.
	Letters func() (Letters, error)
	// Owned reports whether this process is the owner of a stream, also when the stream has not told anything yet; nil: it
	// owns none.
	Owned func(audit.Stream) bool
	// Members returns the processes of the group; nil if there is no group.
	Members func(context.Context) ([]control.Member, error)
	// Problems returns what is wrong with the group; nil if there is no group.
	Problems func(context.Context) ([]string, error)
	// Logins signs people in.
	Logins Logins
	// Progress is told how far a command is that takes its time; nil if nobody looks.
	Progress func(Progress)
}

// Progress is how far a command is. Total is 0 while nobody knows.
type Progress struct {
	Text        string
	Done, Total int64
}

// Executor does commands. Calls may be concurrent.
type Executor struct {
	options Options
	starts  starts
}

// New returns an executor. It sends no request and opens nothing.
func New(o Options) *Executor {
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	return &Executor{options: o}
}

// call is one command on its way.
type call struct {
	*Executor

	command control.Command
	tenants []config.Tenant // one, but for commands that only read and name none
	emit    func(control.Reply) error
}

var handlers = map[control.Name]func(*call, context.Context) error{
	control.StartSubscription: (*call).startSubscription,
	control.StopSubscription:  (*call).stopSubscription,
	control.ListSubscriptions: (*call).listSubscriptions,
	control.ListContent:       (*call).listContent,
	control.GenerateLoginURL:  (*call).generateLoginURL,
	control.AuthReset:         (*call).authReset,
	control.Login:             (*call).login,
	control.ShowStatus:        (*call).showStatus,
	control.Backfill:          (*call).backfill,
	control.Cancel:            (*call).cancel,
	control.Redrive:           (*call).redrive,
	control.CheckpointShow:    (*call).showCheckpoint,
	control.CheckpointSet:     (*call).setCheckpoint,
	control.CheckpointReset:   (*call).resetCheckpoint,
	control.Pause:             (*call).pauseStream,
	control.Resume:            (*call).resumeStream,
}

// Do does a command and emits its answer, in one part or several: HumanReadable of all parts is one text, lists of
// their contexts are to be put together. A command that was not done is an error, a *control.Refusal if it says why;
// parts that were emitted before it stand.
func (e *Executor) Do(ctx context.Context, c control.Command, emit func(control.Reply) error) error {
	do, ok := handlers[c.Name]
	if !ok {
		return &control.Refusal{
			Outcome: control.OutcomeUnknown, Code: "unknown_command",
			Message: fmt.Sprintf("command %s does not exist in this version", c.Name),
		}
	}
	tenants, err := e.tenantsOf(c)
	if err != nil {
		return err
	}
	if c.ID == "" {
		c.ID = "cli-" + strings.ToLower(rand.Text())
	}
	return do(&call{Executor: e, command: c, tenants: tenants, emit: emit}, ctx)
}

// tenantsOf returns the tenants that a command is about.
func (e *Executor) tenantsOf(c control.Command) ([]config.Tenant, error) {
	tenants, err := e.options.Config.Select(c.Tenant)
	if err != nil {
		return nil, invalid("tenant: " + err.Error())
	}
	if len(tenants) > 1 && !c.Name.Reads() {
		return nil, needsOne(c.Name, tenants)
	}
	return tenants, nil
}

func needsOne(name control.Name, tenants []config.Tenant) error {
	var names []string
	for _, t := range tenants {
		names = append(names, t.Name)
	}
	return invalid(fmt.Sprintf("tenant: %s needs one, use one of %s", name, strings.Join(names, ", ")))
}

// tenant is the only tenant of a command that concerns one.
func (c *call) tenant() config.Tenant { return c.tenants[0] }

func (c *call) stream() audit.Stream {
	return audit.Stream{Tenant: c.tenant().Audit(), ContentType: c.command.Arguments.ContentType}
}

// typed is the content type as the sender spelled it.
func (c *call) typed() string {
	if c.command.Arguments.Typed != "" {
		return c.command.Arguments.Typed
	}
	return string(c.command.Arguments.ContentType)
}

// several reports whether answers have to tell tenants apart.
func (c *call) several() bool { return len(c.options.Config.Tenants) > 1 }

// reply emits the only part of an answer, or the next one.
func (c *call) reply(outcome control.Outcome, text string, value any) error {
	raw, err := control.Context(value)
	if err != nil {
		return err
	}
	return c.emit(control.Reply{Outcome: outcome, HumanReadable: text, Context: raw})
}

// original wraps what the original integration puts into its context.
func original(name string, value any) map[string]any {
	return map[string]any{"MicrosoftManagement": map[string]any{name: value}}
}

func invalid(message string) error {
	return &control.Refusal{Outcome: control.OutcomeInvalid, Code: "invalid_argument", Message: message}
}

func refused(code, message, hint string) error {
	return &control.Refusal{Outcome: control.OutcomeRefused, Code: code, Message: message, Hint: hint}
}

// ofTenants calls do for each tenant at once and returns the errors, each with its tenant.
func (c *call) ofTenants(what string, do func(i int, t config.Tenant) error) []error {
	errs := make([]error, len(c.tenants))
	var wg sync.WaitGroup
	for i, t := range c.tenants {
		wg.Go(func() {
			if err := do(i, t); err != nil {
				errs[i] = fmt.Errorf("%s of tenant %s: %w", what, t.Name, err)
			}
		})
	}
	wg.Wait()
	return errs
}

// pause waits; an error means that the context ended first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
