package control

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"o365-kafka-connector/internal/audit"
)

// Name is a command's name, as the binary spells it.
type Name string

// The commands that make sense over Kafka.
const (
	StartSubscription Name = "start-subscription"
	StopSubscription  Name = "stop-subscription"
	ListSubscriptions Name = "list-subscriptions"
	ListContent       Name = "list-content"
	GenerateLoginURL  Name = "generate-login-url"
	AuthReset         Name = "auth-reset"
	Login             Name = "login"
	ShowStatus        Name = "status"
	Pause             Name = "pause"
	Resume            Name = "resume"
	Backfill          Name = "backfill"
	Cancel            Name = "cancel"
	Redrive           Name = "redrive"
	CheckpointShow    Name = "checkpoint-show"
	CheckpointSet     Name = "checkpoint-set"
	CheckpointReset   Name = "checkpoint-reset"
)

// longPrefix is how Cortex XSOAR's integration begins the names of its commands.
const longPrefix = "ms-management-activity-"

// rule says what a command takes.
type rule struct {
	name     Name
	reads    bool     // changes nothing: without a tenant it answers for all
	required []string // arguments
	optional []string
}

var filterArguments = []string{"record_types_filter", "workloads_filter", "operations_filter"}

var rules = []rule{
	{name: StartSubscription, required: []string{"content_type"}},
	{name: StopSubscription, required: []string{"content_type"}, optional: []string{"now"}},
	{name: ListSubscriptions, reads: true},
	{
		name: ListContent, reads: true, required: []string{"content_type"},
		optional: append([]string{"start_time", "end_time", "timeout"}, filterArguments...),
	},
	{name: GenerateLoginURL},
	{name: AuthReset},
	{name: Login, optional: []string{"code_file"}},
	{name: ShowStatus, reads: true, optional: []string{"content_type"}},
	{name: Pause, required: []string{"content_type"}},
	{name: Resume, required: []string{"content_type"}},
	{
		name: Backfill, required: []string{"content_type", "start_time", "end_time"},
		optional: append([]string{"mode", "topic", "dry_run"}, filterArguments...),
	},
	{name: Cancel, required: []string{"backfill_id"}, optional: []string{"content_type"}},
	{name: Redrive, required: []string{"content_type"}, optional: []string{"cause", "since", "content_id", "dry_run"}},
	{name: CheckpointShow, reads: true, optional: []string{"content_type"}},
	{name: CheckpointSet, required: []string{"content_type", "watermark"}, optional: []string{"dry_run"}},
	{name: CheckpointReset, required: []string{"content_type"}, optional: []string{"dry_run"}},
}

func ruleOf(name Name) (rule, bool) {
	i := slices.IndexFunc(rules, func(r rule) bool { return r.name == name })
	if i < 0 {
		return rule{}, false
	}
	return rules[i], true
}

func (r rule) arguments() []string { return append(slices.Clone(r.required), r.optional...) }

// Names lists every command.
func Names() []Name {
	var out []Name
	for _, r := range rules {
		out = append(out, r.name)
	}
	return out
}

// ParseName finds a command by its name or by the original's long one, with or without "!", in any letter case.
// "checkpoint show" is checkpoint-show.
func ParseName(s string) (Name, error) {
	short := strings.ToLower(strings.TrimSpace(s))
	short = strings.TrimPrefix(strings.TrimPrefix(short, "!"), longPrefix)
	short = strings.Join(strings.Fields(short), "-")
	if _, ok := ruleOf(Name(short)); ok {
		return Name(short), nil
	}
	return "", &Refusal{
		Outcome: OutcomeUnknown, Code: "unknown_command", Message: "command " + quote(s) + " is unknown",
		Hint: "use one of " + join(Names()),
	}
}

// Reads reports whether the command changes nothing; without a tenant it answers for all.
func (n Name) Reads() bool {
	r, _ := ruleOf(n)
	return r.reads
}

// Command is one instruction.
type Command struct {
	ID        string // the sender's, or "<topic>/<partition>/<offset>"; empty on the command line
	Name      Name
	Typed     string // the name as it came; what is left of a command whose name is unknown
	Tenant    string // GUID or name as the sender gave it; empty if none was given
	Arguments Arguments
	Expires   time.Time // zero: max_age after Origin.Time
	IssuedBy  string    // claimed, not proved
	ReplyTo   string    // topic; empty: the reply topic
	Origin    Origin
}

// Origin is where a command came from. It is zero on the command line.
type Origin struct {
	Topic     string
	Partition int
	Offset    int64
	Time      time.Time // Kafka's timestamp
	Key       string
	Signature string // header signature
	Hop       bool   // another member passed it on
}

// Stream returns the stream that the command names, of a tenant that has been looked up, and false for a command to
// the whole tenant.
func (c Command) Stream(t audit.Tenant) (audit.Stream, bool) {
	return audit.Stream{Tenant: t, ContentType: c.Arguments.ContentType}, c.Arguments.ContentType != ""
}

// maxLife is how long after it was sent a command can be done at most, unless max_age is longer: its answer has to be
// remembered even longer.
const maxLife = 30 * 24 * time.Hour

// Deadline returns when the command expires: as it says, but at most 30 days after it was sent or max_age, if that is
// longer.
func (c Command) Deadline(maxAge time.Duration) time.Time {
	sent := c.Origin.Time
	if c.Expires.IsZero() {
		return sent.Add(maxAge)
	}
	if last := sent.Add(max(maxLife, maxAge)); c.Expires.After(last) {
		return last
	}
	return c.Expires
}

// MarshalJSON writes the command as it stands on the control topic.
func (c Command) MarshalJSON() ([]byte, error) {
	w := struct {
		ID        string         `json:"id,omitempty"`
		Command   string         `json:"command"`
		Tenant    string         `json:"tenant,omitempty"`
		Arguments map[string]any `json:"arguments,omitempty"`
		Expires   string         `json:"expires,omitempty"`
		IssuedBy  string         `json:"issued_by,omitempty"`
		ReplyTo   string         `json:"reply_to,omitempty"`
	}{c.ID, string(c.Name), c.Tenant, c.Arguments.Wire(), "", c.IssuedBy, c.ReplyTo}
	if !c.Expires.IsZero() {
		w.Expires = c.Expires.UTC().Format(time.RFC3339Nano)
	}
	return json.Marshal(w)
}

// New makes a command of what somebody typed: the arguments by their names on the wire, as strings, booleans, numbers
// or lists. An error is a *Refusal.
func New(name, tenant string, arguments map[string]any, now time.Time) (Command, error) {
	c := Command{Typed: name, Tenant: tenant}
	var err error
	if c.Name, err = ParseName(name); err != nil {
		return c, err
	}
	c.Arguments, err = ParseArguments(c.Name, arguments, now)
	return c, err
}
