package control

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/audit"
)

// The headers of a command.
const (
	headerSignature = "signature"
	headerHop       = "hop"      // a member passed the command on
	headerID        = "id"       // with hop: the id that the command got where it first arrived
	headerDeadline  = "deadline" // with hop: the deadline that it had there
	headerTime      = "time"     // with hop: when it came there
)

// job is a command on its way.
type job struct {
	command Command
	tenant  audit.Tenant
	message message
	key     string // names its answer
	late    bool   // its deadline came before its turn
}

// take checks a message and sets about doing it; it does not wait for the end. The function is called once: with true
// when the command needs nothing more, with false when its next owner has to do it.
func (n *generation) take(ctx context.Context, m message, end func(bool)) {
	j := job{message: m}
	var err error
	j.command, j.key, err = n.parse(m, time.Now())
	if err == nil {
		j.tenant, err = n.admit(&j.command)
	} else {
		j.tenant, _ = n.tenant(j.command)
		j.command.Tenant = j.tenant.ID // what the sender wrote may be anything
	}
	s, ofStream := j.command.Stream(j.tenant)
	shard := Shard(s, n.config.Partitions)
	switch {
	case err != nil:
		n.work.Go(func() { end(n.refuse(ctx, j.command, err)) })
	case ofStream && shard != m.partition && !j.command.Origin.Hop:
		n.work.Go(func() { end(n.passOn(ctx, j, shard)) })
	case ofStream && shard != m.partition:
		err := invalid("stream " + s.Key() + " belongs to another partition: the members' numbers of partitions differ, or the control topic has another number than control.partitions")
		n.work.Go(func() { end(n.refuse(ctx, j.command, err)) })
	default:
		p := n.lanes.enter(lane(j, s, ofStream))
		n.work.Go(func() {
			defer p.leave()
			j.late = !p.wait(ctx, j.command.Deadline(n.config.MaxAge.D()))
			if ctx.Err() != nil {
				end(false)
				return
			}
			end(n.do(context.WithValue(ctx, placeKey{}, p), j))
		})
	}
}

// parse reads a command and names its answer; nothing of an unsigned one counts but where its refusal goes.
func (n *generation) parse(m message, now time.Time) (c Command, key string, err error) {
	from := Origin{
		Topic: n.config.Topic, Partition: m.partition, Offset: m.offset, Time: m.time, Key: clip(m.key),
		Signature: m.headers[headerSignature], Hop: m.headers[headerHop] != "",
	}
	if from.Time.After(now) { // the sender may have set it
		from.Time = now
	}
	if m.size > MaxCommand {
		return Command{Origin: from, ID: idOf(from)}, "", tooLarge(m.size)
	}
	c, lacks, err := parse(m.value, from, now)
	if loose := bound(c, lacks, from.Time); n.signer != nil && loose != nil {
		err = loose
	}
	if from.Hop {
		c.hopped(m.headers, n.config.MaxAge.D())
	}
	key = c.ID
	if slices.Contains(lacks, "id") { // offsets begin anew when the topic is made again
		key += "@" + m.came()
	}
	if c.ReplyTo != "" && c.ReplyTo != n.config.ReplyTopic && !slices.Contains(n.config.ReplyTopics, c.ReplyTo) {
		err = refused("reply_topic", "replies to topic "+quote(c.ReplyTo)+" are not allowed", "leave out reply_to, or add the topic to control.reply_topics")
		c.ReplyTo = ""
	}
	if bad := n.signer.Verify(m.value, from.Signature); bad != nil {
		err = bad
	}
	return c, key, err
}

// came is when a message first came to the topic.
func (m message) came() string {
	if t := m.headers[headerTime]; t != "" && m.headers[headerHop] != "" {
		return clip(t)
	}
	return strconv.FormatInt(m.time.UnixMilli(), 10)
}

// bound refuses a signed command that could be sent once more, later or to another stream: the signature covers neither
// key nor time of the message.
func bound(c Command, lacks []string, sent time.Time) error {
	const hint = "write id, tenant, content_type and an expires within 30 days into the value, and sign that"
	switch {
	case c.Name.Reads():
		return nil
	case len(lacks) > 0:
		return refused("unbound", "the signed command lacks "+strings.Join(lacks, ", "), hint)
	case c.Expires.After(sent.Add(maxLife)):
		return refused("unbound", "the signed command expires more than 30 days after it was sent", hint)
	}
	return nil
}

// hopped gives a command that was passed on the id and the deadline that it had before.
func (c *Command) hopped(headers map[string]string, maxAge time.Duration) {
	if id := headers[headerID]; id != "" && len(id) <= maxField && c.ID == idOf(c.Origin) {
		c.ID = id
	}
	if t, err := ParseTime(headers[headerDeadline]); err == nil && t.Before(c.Deadline(maxAge)) {
		c.Expires = t
	}
}

// admit finds the tenant and asks whether the command is allowed.
func (n *generation) admit(c *Command) (audit.Tenant, error) {
	t, err := n.tenant(*c)
	if err != nil {
		return t, err
	}
	c.Tenant = t.ID
	if !n.config.Allowed(c.Name, t) {
		return t, refused("not_allowed", string(c.Name)+" is not allowed over Kafka", "control.allow has "+n.config.allowed(t))
	}
	return t, nil
}

// refuse answers a command that is not done.
func (n *generation) refuse(ctx context.Context, c Command, why error) bool {
	r := AsRefusal(why)
	if r.Outcome == OutcomeUnknown {
		t, _ := n.tenant(c)
		r = &Refusal{Outcome: r.Outcome, Code: r.Code, Message: r.Message, Hint: "use one of " + n.config.allowed(t)}
	}
	a := n.newAnswer(c)
	return a.finish(ctx, r) == nil
}

// passOn publishes a command again, on the partition of its stream.
func (n *generation) passOn(ctx context.Context, j job, shard int) bool {
	m, c := j.message, j.command
	headers := []kafka.Header{
		{Key: headerHop, Value: []byte("1")},
		{Key: headerID, Value: []byte(c.ID)},
		{Key: headerDeadline, Value: []byte(wireTime(c.Deadline(n.config.MaxAge.D())))},
		{Key: headerTime, Value: []byte(m.came())},
	}
	if c.Origin.Signature != "" {
		headers = append(headers, kafka.Header{Key: headerSignature, Value: []byte(c.Origin.Signature)})
	}
	err := n.produce(ctx, n.config.Topic, shard, outgoing{key: m.key, value: m.value, headers: headers})
	if errors.Is(err, errGivenUp) {
		return n.refuse(ctx, c, err)
	}
	if err != nil {
		return false
	}
	n.log.Debug("command passed on to its stream's partition", "id", c.ID, "command", string(c.Name), "from", m.partition, "to", shard)
	return true
}
