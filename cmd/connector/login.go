package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/auth"
	"o365-kafka-connector/internal/command"
	"o365-kafka-connector/internal/control"
	"o365-kafka-connector/internal/daemon"
	"o365-kafka-connector/internal/secret"
	"o365-kafka-connector/internal/unit"
)

type loginCommand struct {
	commandFlags

	CodeFile string        `help:"Redeem the code, or the address that the browser was sent to, in this file; - is standard input." placeholder:"FILE"`
	Timeout  unit.Duration `help:"How long to wait for the browser: seconds, or a duration." default:"5m"`
}

// Run signs a person in on whose behalf the tenant is read.
func (cmd loginCommand) Run(ctx context.Context, env *environment, c *cli) error {
	if cmd.ViaKafka || cmd.CodeFile != "" && cmd.CodeFile != "-" {
		return cmd.byFile(ctx, env, c)
	}
	cfg, tenants, err := loadTenants(c, cmd.Tenant)
	if err != nil {
		return err
	}
	t := tenants[0]
	switch {
	case len(tenants) > 1:
		return usageError{errors.New("--tenant: login needs one")}
	case t.Auth.Method != auth.MethodAuthorizationCode:
		return usageError{fmt.Errorf("tenant %s signs in by itself (auth.method is %s): login is for method %s", t.Name, t.Auth.Method, auth.MethodAuthorizationCode)}
	}
	documents := daemon.NewDocuments(cfg.Checkpoint)
	signIns := daemon.SignIns{Documents: documents}
	if cmd.CodeFile == "-" {
		err = cmd.byInput(ctx, env, t, signIns)
	} else {
		err = cmd.byBrowser(ctx, env, t, signIns)
	}
	if err := errors.Join(err, documents.Close()); err != nil {
		return err
	}
	fmt.Fprintln(env.stderr, command.SignedIn(t))
	if cmd.json() {
		return printJSON(env.stdout, "login", command.LoginContext(t)["login"])
	}
	return nil
}

// byFile has a code redeemed that lies in a file, here or where the connector runs.
func (cmd loginCommand) byFile(ctx context.Context, env *environment, c *cli) error {
	file := cmd.CodeFile
	if file == "" || file == "-" {
		return usageError{errors.New("--via-kafka: needs --code-file, with the path of a file on the connector's machine: no code is sent over Kafka")}
	}
	if !cmd.ViaKafka {
		var err error
		if file, err = filepath.Abs(file); err != nil {
			return fmt.Errorf("find code file: %w", err)
		}
	}
	return perform(ctx, env, c, request{name: control.Login, flags: cmd.commandFlags, arguments: map[string]any{"code_file": file}})
}

// maxInput is more than any code or address is long.
const maxInput = 64 << 10

func (cmd loginCommand) byInput(ctx context.Context, env *environment, t config.Tenant, s daemon.SignIns) error {
	answer, err := io.ReadAll(io.LimitReader(env.stdin, maxInput))
	if err != nil {
		return fmt.Errorf("read code: %w", err)
	}
	return s.Redeem(ctx, t, secret.String(answer))
}

// byBrowser shows where to sign in and waits for the browser to come back.
func (cmd loginCommand) byBrowser(ctx context.Context, env *environment, t config.Tenant, s daemon.SignIns) error {
	redirect, err := auth.ListenRedirect(ctx, t.Auth.RedirectURI)
	if errors.Is(err, auth.ErrNotLocal) {
		return usageError{fmt.Errorf("auth.redirect_uri of tenant %s is %s, which does not lead to this machine: run connector "+
			"generate-login-url, sign in, and give the address that the browser was sent to to connector login --code-file -", t.Name, t.Auth.RedirectURI)}
	}
	if err != nil {
		return err
	}
	defer redirect.Close()
	link, _, err := s.Begin(ctx, t, redirect.URI())
	if err != nil {
		return err
	}
	fmt.Fprintf(env.stderr, "Open this address in a browser on this machine and sign in (waiting %s):\n\n%s\n\n", cmd.Timeout, link)
	waiting, cancel := context.WithTimeout(ctx, cmd.Timeout.D())
	defer cancel()
	answer, err := redirect.Wait(waiting, link)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: run connector login again, with a longer --timeout if need be", err)
	}
	if err != nil {
		return err
	}
	return s.Redeem(ctx, t, answer)
}
