package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"o365-kafka-connector/internal/control"
)

// cli is the command line: one field per command.
type cli struct {
	ConfigFile string `name:"config" help:"Configuration file." env:"CONNECTOR_CONFIG" default:"./connector.yaml" placeholder:"FILE"`

	configGiven bool // on the command line, and not as a default

	Run               runCommand               `cmd:"" help:"Move audit records until SIGTERM."`
	StartSubscription startSubscriptionCommand `cmd:"" aliases:"ms-management-activity-start-subscription" help:"Start a subscription at Microsoft, and have its stream read."`
	StopSubscription  stopSubscriptionCommand  `cmd:"" aliases:"ms-management-activity-stop-subscription" help:"Read what there is, then stop a subscription at Microsoft."`
	ListSubscriptions listSubscriptionsCommand `cmd:"" aliases:"ms-management-activity-list-subscriptions" help:"List the subscriptions at Microsoft."`
	ListContent       listContentCommand       `cmd:"" aliases:"ms-management-activity-list-content" help:"List the records of up to 24 hours."`
	GenerateLoginURL  generateLoginURLCommand  `cmd:"" name:"generate-login-url" aliases:"ms-management-activity-generate-login-url" help:"Say where to sign in."`
	AuthReset         authResetCommand         `cmd:"" aliases:"ms-management-activity-auth-reset" help:"Forget stored tokens and sign-ins."`
	Login             loginCommand             `cmd:"" help:"Sign in on behalf of a person, for method authorization_code."`
	Status            statusCommand            `cmd:"" help:"Tell what each stream does."`
	Pause             pauseCommand             `cmd:"" help:"Pause a stream; nothing is lost within 7 days."`
	Resume            resumeCommand            `cmd:"" help:"Have a paused stream go on."`
	Backfill          backfillCommand          `cmd:"" help:"Read a stretch of the past again, beside what is new."`
	Cancel            cancelCommand            `cmd:"" help:"Cancel a back-fill or a redrive."`
	Redrive           redriveCommand           `cmd:"" help:"Put dead letters back."`
	Checkpoint        checkpointCommand        `cmd:"" help:"Show what is remembered of streams, and change it."`
	Transform         transformCommand         `cmd:"" help:"Turn records from the standard input into events on the standard output."`
	Retire            retireCommand            `cmd:"" help:"Forget streams that are no longer configured."`
	Diagnose          diagnoseCommand          `cmd:"" help:"Try every dependency in turn and say what is wrong and what to do."`
	Config            configCommand            `cmd:"" help:"Check the configuration, or print what counts in the end."`
	Version           versionCommand           `cmd:"" help:"Print the version."`
}

// tenantFlags choose what a command is about and how it answers.
type tenantFlags struct {
	outputFlag

	Tenant string `help:"Name or GUID of the tenant; default: the only one. With several, commands that only read answer for all, the others need it." placeholder:"TENANT"`
}

// outputFlag chooses how a command answers.
type outputFlag struct {
	Output string `help:"table for people, json for programs." enum:"table,json" default:"table"`
}

func (f outputFlag) json() bool { return f.Output == "json" }

// printJSON prints the answer of a command as one object under its name.
func printJSON(w io.Writer, name string, answer any) error {
	if err := json.NewEncoder(w).Encode(map[string]any{name: answer}); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// exited is what kong asks for after it has printed the help.
type exited int

// execute runs the command that the arguments name.
func execute(ctx context.Context, args []string, env *environment) (err error) {
	defer func() {
		if r := recover(); r != nil {
			code, ok := r.(exited)
			if !ok {
				panic(r)
			}
			if code != 0 {
				err = saidError{fmt.Errorf("exit with status %d", code)}
			}
		}
	}()
	var c cli
	parser, err := kong.New(&c,
		kong.Name("connector"),
		kong.Description("Moves Microsoft 365 audit records from the Office 365 Management Activity API to Kafka."),
		kong.Writers(env.stdout, env.stderr),
		kong.Exit(func(code int) { panic(exited(code)) }),
		kong.UsageOnError(),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(env, &c),
	)
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(shortNames(args))
	if err != nil {
		return usageError{err}
	}
	c.configGiven = slices.ContainsFunc(parsed.Path, func(p *kong.Path) bool { return p.Flag != nil && p.Flag.Name == "config" })
	if c.ConfigFile == "" { // an environment variable without a value
		c.ConfigFile = "./connector.yaml"
	}
	return parsed.Run()
}

// longName begins the original's command names.
const longName = "ms-management-activity-"

// shortNames takes a command as the original spells it: with or without an exclamation mark, and with arguments as
// key=value, of which those that Cortex XSOAR takes for itself are left out. The name is taken in any letter case. A
// whole line, quoted as shells want it for the exclamation mark, is taken as its words.
func shortNames(args []string) []string {
	out := make([]string, 0, len(args))
	original := false
	for _, arg := range words(args) {
		key, value, isPair := strings.Cut(arg, "=")
		switch {
		case !original && isOriginal(arg):
			original = true
			out = append(out, strings.ToLower(strings.TrimPrefix(arg, "!")))
		case original && isPair && control.EngineArgument(key):
		case original && isPair && !strings.HasPrefix(arg, "-"):
			out = append(out, "--"+strings.ReplaceAll(key, "_", "-")+"="+value)
		default:
			out = append(out, arg)
		}
	}
	return out
}

// words takes apart what is a whole line of the original's.
func words(args []string) []string {
	var out []string
	for _, arg := range args {
		if line, err := control.SplitLine(arg); err == nil && len(line) > 1 && isOriginal(line[0]) {
			out = append(out, line...)
			continue
		}
		out = append(out, arg)
	}
	return out
}

// isOriginal reports whether a word begins a command as the original spells it.
func isOriginal(word string) bool {
	return strings.HasPrefix(word, "!") || strings.HasPrefix(strings.ToLower(word), longName)
}
