package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/daemon"
)

type diagnoseCommand struct {
	tenantFlags
}

// verdict says how bad a finding is.
type verdict string

// The verdicts.
const (
	fine     verdict = "ok"
	doubtful verdict = "warn"
	failed   verdict = "fail"
)

// finding is what one check has found.
type finding struct {
	Check   string  `json:"check"`
	Tenant  string  `json:"tenant,omitempty"`
	Status  verdict `json:"status"`
	Message string  `json:"message"`
	Hint    string  `json:"hint,omitempty"`
}

// diagnosis collects findings, and shows each at once if people are waiting.
type diagnosis struct {
	show     io.Writer // nil: nobody is waiting
	findings []finding

	documents *daemon.Documents // the sign-ins of tenants
}

// Run tries every dependency in turn.
func (cmd diagnoseCommand) Run(ctx context.Context, env *environment, c *cli) error {
	d := &diagnosis{show: env.stdout}
	if cmd.json() {
		d.show = nil
	}
	err := d.all(ctx, c, cmd.Tenant)
	if cmd.json() {
		answer := struct {
			OK     bool      `json:"ok"`
			Checks []finding `json:"checks"`
		}{d.count(failed) == 0, d.findings}
		if writeErr := printJSON(env.stdout, "diagnose", answer); writeErr != nil {
			return writeErr
		}
	}
	if err == nil && d.count(failed) > 0 {
		err = fmt.Errorf("%d of %d checks failed", d.count(failed), len(d.findings))
	}
	if cmd.json() && err != nil {
		return saidError{err}
	}
	return err
}

// all does all checks. The error is a wrong configuration or tenant, after which there is nothing to check.
func (d *diagnosis) all(ctx context.Context, c *cli, tenant string) error {
	cfg, tenants, err := loadTenants(c, tenant)
	if err == nil {
		err = checkParts(ctx, cfg)
	}
	if err != nil {
		d.add(finding{Check: "configuration", Status: failed, Message: err.Error(), Hint: "correct " + c.ConfigFile})
		return saidError{err}
	}
	d.add(finding{Check: "configuration", Status: fine, Message: c.ConfigFile + ": " + summary(cfg)})
	d.documents = daemon.NewDocuments(cfg.Checkpoint)
	for _, t := range tenants {
		d.tenant(ctx, t)
	}
	if err := d.documents.Close(); err != nil {
		return fmt.Errorf("close store of sign-ins: %w", err)
	}
	d.services(ctx, cfg)
	return nil
}

func (d *diagnosis) services(ctx context.Context, cfg *config.Config) {
	deployment, known := d.kafka(ctx, cfg)
	d.checkpoints(ctx, cfg, deployment, known)
}

func (d *diagnosis) count(v verdict) int {
	n := 0
	for _, f := range d.findings {
		if f.Status == v {
			n++
		}
	}
	return n
}

func (d *diagnosis) add(f finding) {
	d.findings = append(d.findings, f)
	if d.show == nil {
		return
	}
	label := string(f.Status)
	if f.Status == failed {
		label = "FAIL"
	}
	what := f.Check
	if f.Tenant != "" {
		what += " " + f.Tenant
	}
	message := strings.ReplaceAll(f.Message, "\n", "\n      ")
	fmt.Fprintf(d.show, "%-4s  %s: %s\n", label, what, message)
	if f.Hint != "" && f.Status != fine {
		fmt.Fprintf(d.show, "      what to do: %s\n", f.Hint)
	}
}

// try does a check within a deadline; its message counts if it succeeds. It reports whether it did.
func (d *diagnosis) try(ctx context.Context, f finding, within time.Duration, check func(context.Context) (string, error)) bool {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	message, err := check(ctx)
	advice := f.Hint
	f.Status, f.Message, f.Hint = fine, message, ""
	if err != nil {
		text, hint := told(err)
		f.Status, f.Message, f.Hint = failed, text, firstOf(hint, advice)
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
			f.Message = fmt.Sprintf("no answer within %s: %s", within, text)
		}
	}
	d.add(f)
	return err == nil
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
