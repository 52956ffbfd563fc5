package transform

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"o365-kafka-connector/internal/audit"
)

// maxTopic is the longest name that Kafka takes for a topic.
const maxTopic = 249

// unknownTopicPart stands for a placeholder without a value.
const unknownTopicPart = "unknown"

// maxTopicNames bounds the topic names remembered by one goroutine, whatever the records say.
const maxTopicNames = 1024

// placeholders of a template: the first three are known for a stream, the others only for a record.
var placeholders = []string{"{tenant}", "{tenant_name}", "{content_type}", "{workload}", "{record_type}"}

const perRecord = 3 // index of the first placeholder that differs from record to record

// Topic is the template of a topic's name.
type Topic struct {
	parts []topicPart
}

// topicPart is a literal text, or the placeholder of that index.
type topicPart struct {
	text        string
	placeholder int // -1: literal
}

// ParseTopic reads a template such as o365.{tenant_name}.{workload}. The error says what is wrong with it.
func ParseTopic(template string) (Topic, error) {
	var t Topic
	rest, length := template, 0
	for rest != "" {
		open := strings.IndexByte(rest, '{')
		if open < 0 {
			open = len(rest)
		}
		if open > 0 {
			t.parts = append(t.parts, topicPart{rest[:open], -1})
			length += open
			rest = rest[open:]
			continue
		}
		end := strings.IndexByte(rest, '}') + 1
		i := slices.Index(placeholders, rest[:end])
		if i < 0 {
			return Topic{}, fmt.Errorf("topic %q has an unknown placeholder at %q: use %s",
				template, rest, strings.Join(placeholders, ", "))
		}
		t.parts = append(t.parts, topicPart{rest[:end], i})
		length++
		rest = rest[end:]
	}
	return t, t.check(template, length)
}

func (t Topic) check(template string, length int) error {
	if len(t.parts) == 0 {
		return errors.New("topic is empty: write a name, e.g. o365.incidents")
	}
	if template == "." || template == ".." {
		return fmt.Errorf("topic %q is no name that Kafka takes", template)
	}
	if length > maxTopic {
		return fmt.Errorf("topic %.20q… is too long: at most %d characters", template, maxTopic)
	}
	for _, p := range t.parts {
		if p.placeholder >= 0 {
			continue
		}
		if i := strings.IndexFunc(p.text, func(c rune) bool { return c >= 0x80 || !legal(byte(c)) }); i >= 0 {
			return fmt.Errorf("topic %q has an illegal character at %q: letters, digits and . _ - are allowed",
				template, p.text[i:])
		}
	}
	return nil
}

// For returns the topic of all events of a stream; false if the template makes it differ from record to record.
func (t Topic) For(s audit.Stream) (string, bool) {
	bound := t.bind(s)
	if len(bound.parts) != 1 || bound.parts[0].placeholder >= 0 {
		return "", false
	}
	return finishTopic([]byte(bound.parts[0].text)), true
}

// bind fills in what is known of the stream and joins neighbouring literals.
func (t Topic) bind(s audit.Stream) Topic {
	values := []string{s.Tenant.ID, s.Tenant.Name, string(s.ContentType)}
	var out Topic
	for _, p := range t.parts {
		if 0 <= p.placeholder && p.placeholder < perRecord {
			p = topicPart{string(appendTopicPart(nil, []byte(values[p.placeholder]))), -1}
		}
		if last := len(out.parts) - 1; last >= 0 && p.placeholder < 0 && out.parts[last].placeholder < 0 {
			out.parts[last].text += p.text
			continue
		}
		out.parts = append(out.parts, p)
	}
	return out
}

// topicNames renders a template that differs from record to record. One goroutine may use it.
type topicNames struct {
	template Topic // bound to the stream
	bound    *TopicBound
	other    string // where records go whose topic may not be
	scratch  []byte
	names    map[string]string // by rendered name, so that none is allocated twice
}

func newTopicNames(template Topic, bound *TopicBound) topicNames {
	return topicNames{template: template, bound: bound, other: template.other(), names: map[string]string{}}
}

func (n *topicNames) name(r *audit.Record) string {
	n.scratch = n.template.render(n.scratch[:0], r.Text(audit.FieldWorkload), r.Text(audit.FieldRecordType))
	n.scratch = n.scratch[:min(len(n.scratch), maxTopic)] // the rest makes no difference
	if name, ok := n.names[string(n.scratch)]; ok {
		return name
	}
	if len(n.names) >= maxTopicNames {
		clear(n.names)
	}
	name := finishTopic(n.scratch)
	if !n.bound.take(n.other, name) {
		name = n.other
	}
	n.names[string(n.scratch)] = name
	return name
}

// render fills in what differs from record to record.
func (t Topic) render(dst, workload, recordType []byte) []byte {
	for _, p := range t.parts {
		switch p.placeholder {
		case perRecord:
			dst = appendTopicPart(dst, workload)
		case perRecord + 1:
			dst = appendTopicPart(dst, recordType)
		default:
			dst = append(dst, p.text...)
		}
	}
	return dst
}

// finishTopic makes a rendered name one that Kafka takes.
func finishTopic(rendered []byte) string {
	name := string(rendered[:min(len(rendered), maxTopic)])
	if name == "." || name == ".." {
		return unknownTopicPart
	}
	return name
}

// appendTopicPart appends a placeholder's value, with an underscore for every character that Kafka does not take, and no
// more of it than a name may have.
func appendTopicPart(dst, value []byte) []byte {
	start := len(dst)
	for _, c := range bytes.TrimSpace(value) {
		switch {
		case len(dst)-start == maxTopic:
			return dst
		case legal(c):
			dst = append(dst, c)
		case c&0xC0 != 0x80: // the first byte of a character
			dst = append(dst, '_')
		}
	}
	if len(dst) == start {
		return append(dst, unknownTopicPart...)
	}
	return dst
}

func legal(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
}
