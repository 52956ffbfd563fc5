package commands

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"o365-kafka-connector/internal/e2e/stage"
)

// command is one instruction, for any road.
type command struct {
	name      string // as on Kafka: checkpoint-show
	tenant    string // name
	key       string // of the message on Kafka
	arguments map[string]any
}

// answer is what came back, by whatever road.
type answer struct {
	Status  string   `json:"status"`
	Outcome string   `json:"outcome"` // the command line does not tell it
	Text    string   `json:"text"`
	Context any      `json:"context"`
	Error   *problem `json:"error,omitempty"`
}

// road is a way to send commands.
type road struct {
	name string
	send func(*testing.T, *rig, command) answer
}

var roads = []road{
	{"command line", func(t *testing.T, r *rig, c command) answer { return r.typed(t, c) }},
	{"command line over Kafka", func(t *testing.T, r *rig, c command) answer { return r.typed(t, c, "--via-kafka") }},
	{"JSON on the topic", func(_ *testing.T, r *rig, c command) answer {
		fields := map[string]any{"command": c.name, "tenant": c.tenant, "issued_by": "soc"}
		if len(c.arguments) > 0 {
			fields["arguments"] = c.arguments
		}
		id, value := r.message(fields)
		r.produce(c.key, value)
		return merged(r.answer(id, 1))
	}},
	{"line on the topic", func(_ *testing.T, r *rig, c command) answer {
		id, _ := r.message(map[string]any{"command": "status"})
		r.produce(c.key, c.line(id))
		return merged(r.answer(id, 1))
	}},
}

var original = []string{"start-subscription", "stop-subscription", "list-subscriptions", "list-content", "generate-login-url", "auth-reset"}

// line is the command as a playbook has it.
func (c command) line(id string) string {
	name := c.name
	if slices.Contains(original, name) {
		name = "!ms-management-activity-" + name
	}
	words := []string{name, "id=" + id, "tenant=" + c.tenant, "using=instance_1"}
	for key, value := range c.arguments {
		words = append(words, fmt.Sprintf("%s=%q", key, fmt.Sprint(value)))
	}
	return strings.Join(words, " ")
}

// typed runs a command on the command line. What it prints as JSON has to be the reply's context.
func (r *rig) typed(t *testing.T, c command, flags ...string) answer {
	t.Helper()
	args := strings.Fields(c.name)
	if before, after, ok := strings.Cut(c.name, "-"); ok && before == "checkpoint" {
		args = []string{before, after}
	}
	for _, positional := range []string{"content_type", "backfill_id"} {
		if v, ok := c.arguments[positional]; ok {
			args = append(args, fmt.Sprint(v))
		}
	}
	for key, value := range c.arguments {
		if key != "content_type" && key != "backfill_id" {
			args = append(args, fmt.Sprintf("--%s=%v", strings.ReplaceAll(key, "_", "-"), value))
		}
	}
	args = append(append(args, "--config", r.cli, "--tenant", c.tenant), flags...)
	if !quiet(c.name) {
		return read(t, r.Call(t, append(args, "--output=json")...))
	}
	out := read(t, r.Call(t, append(args, "--output=json")...))
	if out.Text != "" {
		t.Errorf("%s --output=json writes to standard error: %s", c.name, out.Text)
	}
	table := r.Call(t, args...)
	if table.Code != 0 {
		t.Errorf("%v: %+v", args, table)
	}
	out.Text = table.Stdout
	return out
}

// quiet are the commands whose text nobody wants beside JSON.
func quiet(name string) bool {
	return slices.Contains([]string{"list-subscriptions", "list-content", "status", "checkpoint-show"}, name)
}

// read makes an answer of what the command line printed.
func read(t *testing.T, out stage.Output) answer {
	t.Helper()
	var text []string
	for line := range strings.Lines(out.Stderr) {
		if line != "connector: waiting for the reply\n" && !strings.HasPrefix(line, "connector: reading what is left") {
			text = append(text, line)
		}
	}
	a := answer{Status: "ok", Text: strings.TrimSuffix(strings.Join(text, ""), "\n")}
	switch out.Code {
	case 0:
		if err := json.Unmarshal([]byte(out.Stdout), &a.Context); err != nil || !strings.HasSuffix(out.Stdout, "}\n") {
			t.Errorf("standard output is not one object: %v: %.300s", err, out.Stdout)
		}
	case 1:
		message, hint, _ := strings.Cut(strings.TrimPrefix(a.Text, "connector: "), "\n  what to do: ")
		a.Status, a.Text, a.Context = "error", message, map[string]any{}
		if hint != "" {
			a.Text += ": " + hint
		}
		a.Error = &problem{Message: message, Hint: hint}
		if out.Stdout != "" {
			t.Errorf("standard output of a command that failed: %s", out.Stdout)
		}
	default:
		t.Errorf("exit status %d: %s", out.Code, out.Stderr)
	}
	return a
}

// merged puts the parts of a reply together.
func merged(parts []reply) answer {
	last := parts[len(parts)-1]
	a := answer{Status: last.Status, Outcome: last.Outcome, Error: last.Error}
	for _, p := range parts {
		var part any
		_ = json.Unmarshal(p.Context, &part) // every reply keeps to the schema
		a.Text, a.Context = a.Text+p.HumanReadable, join(a.Context, part)
	}
	return a
}

// join puts the lists of two contexts together.
func join(a, b any) any {
	switch b := b.(type) {
	case map[string]any:
		whole, ok := a.(map[string]any)
		if !ok {
			return b
		}
		for key, value := range b {
			whole[key] = join(whole[key], value)
		}
		return whole
	case []any:
		if list, ok := a.([]any); ok {
			return append(list, b...)
		}
	}
	return b
}

// at walks down a context.
func at(context any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := context.(map[string]any)
			context = m[step]
		case int:
			list, _ := context.([]any)
			if step >= len(list) {
				return nil
			}
			context = list[step]
		}
	}
	return context
}
