package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"o365-kafka-connector/internal/audit"
)

// MaxCommand is the size of the largest command, in bytes.
const MaxCommand = 1 << 20

const maxField = 1024 // characters of an id and of what else comes back in a reply

// envelope is a command as it came, before it is understood.
type envelope struct {
	command   string
	fields    map[string]string // those of envelopeFields that were given
	arguments map[string]any
	seen      map[string]bool
}

// Parse reads a message of the control topic: JSON, or a line "!command key=value …". What the message leaves out is
// taken from its key. An error is a *Refusal; the command then holds what could be read, so that a reply reaches its
// sender.
func Parse(value []byte, from Origin, now time.Time) (Command, error) {
	c, _, err := parse(value, from, now)
	return c, err
}

// parse also names what a command that changes something lacks itself, and has only from elsewhere.
func parse(value []byte, from Origin, now time.Time) (c Command, lacks []string, err error) {
	c = Command{Origin: from, ID: idOf(from)}
	if len(value) > MaxCommand {
		return c, nil, tooLarge(len(value))
	}
	e, readErr := read(bytes.TrimSpace(value))
	fieldErr := c.takeFields(e)
	if err := errors.Join(readErr, fieldErr); err != nil {
		return c, nil, AsRefusal(err)
	}
	if c.Name, err = ParseName(e.command); err != nil {
		return c, nil, err
	}
	lacks = e.lacks(c.Name)
	c.fromKey(&e)
	c.Arguments, err = ParseArguments(c.Name, e.arguments, now)
	return c, lacks, err
}

// lacks names what says which command this is, to whom and until when, and is not there.
func (e *envelope) lacks(name Name) []string {
	var out []string
	for _, field := range []string{"id", "expires", "tenant"} {
		if e.fields[field] == "" {
			out = append(out, field)
		}
	}
	if needsContentType(name) && e.arguments["content_type"] == nil {
		out = append(out, "content_type")
	}
	return out
}

func needsContentType(name Name) bool {
	r, _ := ruleOf(name)
	return slices.Contains(r.required, "content_type")
}

func tooLarge(size int) error {
	return &Refusal{
		Outcome: OutcomeInvalid, Code: "too_large", Message: fmt.Sprintf("the command has %d bytes", size),
		Hint: fmt.Sprintf("at most %d are taken", MaxCommand),
	}
}

// idOf is the id of a command that has none.
func idOf(from Origin) string {
	return fmt.Sprintf("%s/%d/%d", from.Topic, from.Partition, from.Offset)
}

func read(value []byte) (envelope, error) {
	switch {
	case len(value) == 0:
		return envelope{}, invalid("the message is empty")
	case value[0] == '{':
		return parseJSON(value)
	case value[0] == '"':
		var line string
		if json.Unmarshal(value, &line) == nil {
			return parseLine(line)
		}
	}
	return parseLine(string(value))
}

// parseJSON reads the top of a command by exact names: a field that is misspelled must not pass for one left out.
func parseJSON(value []byte) (envelope, error) {
	e := envelope{fields: map[string]string{}}
	var top map[string]any
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	if err := decoder.Decode(&top); err != nil {
		return e, malformed(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return e, malformed(errors.New("something follows the object"))
	}
	var problem error
	for _, key := range slices.Sorted(maps.Keys(top)) {
		if err := e.field(key, top[key]); err != nil && problem == nil {
			problem = err
		}
	}
	return e, problem
}

func malformed(err error) error {
	return &Refusal{
		Outcome: OutcomeInvalid, Code: "malformed", Message: "the message is no JSON object: " + clip(err.Error()),
		Hint: `send {"command":"…","tenant":"…","arguments":{…}} or a line !command key=value`,
	}
}

func (e *envelope) field(key string, v any) error {
	if key == "arguments" {
		var ok bool
		if e.arguments, ok = v.(map[string]any); !ok && v != nil {
			return invalid("arguments: must be an object")
		}
		return nil
	}
	if key != "command" && !slices.Contains(envelopeFields, key) {
		return &Refusal{
			Outcome: OutcomeInvalid, Code: "invalid_field", Message: "a command has no field " + quote(key),
			Hint: "it takes command, arguments, " + strings.Join(envelopeFields, ", "),
		}
	}
	s, ok := v.(string)
	switch {
	case v == nil:
	case !ok:
		return invalid(key + ": must be a string")
	case key == "command":
		e.command = s
	default:
		e.fields[key] = s
	}
	return nil
}

// takeFields copies what is no argument.
func (c *Command) takeFields(e envelope) error {
	c.Typed = e.command
	for name, value := range e.fields {
		if len(value) > maxField {
			return invalid(fmt.Sprintf("%s: has more than %d bytes", name, maxField))
		}
	}
	if id := e.fields["id"]; id != "" {
		c.ID = id
	}
	c.Tenant, c.IssuedBy, c.ReplyTo = strings.TrimSpace(e.fields["tenant"]), e.fields["issued_by"], e.fields["reply_to"]
	if c.ReplyTo != "" {
		if err := checkTopic(c.ReplyTo); err != nil {
			c.ReplyTo = ""
			return invalid("reply_to: " + err.Error())
		}
	}
	if s := e.fields["expires"]; s != "" {
		var err error
		if c.Expires, err = ParseTime(s); err != nil {
			return invalid("expires: " + err.Error())
		}
	}
	return nil
}

// fromKey adds tenant and content type of the message's key, where the message itself names none and the command
// cannot do without.
func (c *Command) fromKey(e *envelope) {
	tenant, contentType, _ := strings.Cut(c.Origin.Key, "/")
	if !guid.MatchString(tenant) {
		return
	}
	if c.Tenant == "" {
		c.Tenant = strings.ToLower(tenant)
	}
	if !needsContentType(c.Name) || e.arguments["content_type"] != nil || !strings.EqualFold(c.Tenant, tenant) {
		return
	}
	if ct, err := audit.ParseContentType(contentType); err == nil {
		if e.arguments == nil {
			e.arguments = map[string]any{}
		}
		e.arguments["content_type"] = string(ct)
	}
}

var (
	guid      = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)
)

// checkTopic refuses what Kafka would.
func checkTopic(name string) error {
	if !topicName.MatchString(name) || name == "." || name == ".." {
		return fmt.Errorf("%s is no name of a topic: use up to 249 letters, digits, dots, underscores and hyphens", quote(name))
	}
	return nil
}
