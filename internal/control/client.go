package control

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/txn"
)

// Client sends commands over the control topic and reads their replies.
type Client struct {
	config Config
	conn   *broker.Conn
	signer *Signer
	topics *txn.Topics
}

// NewClient returns a client that signs its commands if a key is configured.
func NewClient(c Config, conn *broker.Conn) (*Client, error) {
	signer, err := NewSigner(c.HMACKeyFile)
	if err != nil {
		return nil, err
	}
	return &Client{config: c, conn: conn, signer: signer, topics: txn.NewTopics(conn, requestTimeout)}, nil
}

// Do sends a command and yields the parts of its reply, each once and in order, the last one being marked. The tenant
// has to be a GUID; it is empty for all tenants, which only commands that read can be about. A command without an id
// gets one; one without Expires expires with the context's deadline, or after max_age. An error ends the replies; the
// command may be done nevertheless.
func (c *Client) Do(ctx context.Context, command Command) iter.Seq2[Reply, error] {
	return func(yield func(Reply, error) bool) {
		if command.ID == "" {
			command.ID = rand.Text()
		}
		if command.Expires.IsZero() {
			deadline, ok := ctx.Deadline()
			if !ok {
				deadline = time.Now().Add(c.config.MaxAge.D())
			}
			command.Expires = deadline.UTC().Truncate(time.Millisecond)
		}
		in, err := c.listen(ctx, command)
		if err == nil {
			err = c.send(ctx, command)
		}
		if err != nil {
			yield(Reply{}, err)
			return
		}
		var seen []partSum
		for {
			replies, err := c.read(ctx, in, command.ID)
			if err != nil {
				yield(Reply{}, c.silence(ctx, command, err))
				return
			}
			for _, r := range replies {
				switch {
				case r.Part == len(seen)+1:
					seen = append(seen, r.sum)
				case r.Part < 1 || r.Part > len(seen)+1 || r.sum == seen[r.Part-1]: // a repeat
					continue
				default:
					yield(Reply{}, fmt.Errorf("read the reply to %s (id %s): part %d came again and differs, because another instance "+
						"has taken over and began anew: send the command again", command.Name, command.ID, r.Part))
					return
				}
				if !yield(r.Reply, nil) || r.Last {
					return
				}
			}
		}
	}
}

// partSum tells a part from another one with its number.
type partSum [sha256.Size]byte

// received is a part of a reply as it came.
type received struct {
	Reply
	sum partSum
}

// listen finds the end of the partition that replies will come to.
func (c *Client) listen(ctx context.Context, command Command) (*cursor, error) {
	topic := c.config.ReplyTopic
	if command.ReplyTo != "" {
		topic = command.ReplyTo
	}
	known, err := c.topics.Partitions(ctx, topic)
	if err != nil {
		return nil, c.explain(err, topic, "Read,Describe")
	}
	in := &cursor{
		client: c.conn.Client, topic: topic, offset: kafka.LastOffset,
		partition: int(txn.PartitionOf([]byte(command.ID), len(known))),
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if err := in.seek(ctx); err != nil {
		return nil, c.explain(err, topic, "Read,Describe")
	}
	return in, nil
}

func (c *Client) send(ctx context.Context, command Command) error {
	value, err := json.Marshal(command)
	if err != nil {
		return fmt.Errorf("write command: %w", err)
	}
	m := outgoing{key: Key(command), value: value}
	if signature := c.signer.Sign(value); signature != "" {
		m.headers = []kafka.Header{{Key: headerSignature, Value: []byte(signature)}}
	}
	w := writer{conn: c.conn, topics: c.topics}
	if err := w.write(ctx, c.config.Topic, -1, m); err != nil {
		return c.explain(err, c.config.Topic, "Write,Describe")
	}
	return nil
}

// Key is the key of a command's message: that of its stream, or of its tenant; empty for all tenants.
func Key(command Command) string {
	if command.Tenant == "" || command.Arguments.ContentType == "" {
		return strings.ToLower(command.Tenant)
	}
	return streamKey(audit.Stream{Tenant: audit.Tenant{ID: command.Tenant}, ContentType: command.Arguments.ContentType})
}

// read returns what the topic has for us, which may be nothing.
func (c *Client) read(ctx context.Context, in *cursor, id string) ([]received, error) {
	messages, err := in.next(ctx)
	if err != nil && ctx.Err() == nil && c.conn.Explain(err, broker.About{}).Kind == broker.Passing {
		return nil, sleep(ctx, claimPause)
	}
	var out []received
	for _, m := range messages {
		var r Reply
		if m.key == id && json.Unmarshal(m.value, &r) == nil && r.ID == id {
			out = append(out, received{r, sha256.Sum256(m.value)})
		}
	}
	return out, err
}

// silence says why there are no more replies.
func (c *Client) silence(ctx context.Context, command Command, err error) error {
	deadline, limited := ctx.Deadline()
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	// A connection has the context's deadline, and may notice it a little earlier.
	if ctx.Err() == nil && (!limited || time.Until(deadline) > claimPause) {
		return c.explain(err, c.config.ReplyTopic, "Read,Describe")
	}
	return noReply(fmt.Sprintf("wait for the reply to %s (id %s): nobody answered in time: check that a connector with control.topic %s and group %s runs; the command expires at %s",
		command.Name, command.ID, c.config.Topic, c.config.GroupID, stamp(command.Expires)))
}

// noReply is a context.DeadlineExceeded that says what to do.
type noReply string

func (e noReply) Error() string { return string(e) }

// Is makes it one.
func (noReply) Is(target error) bool { return target == context.DeadlineExceeded }

func (c *Client) explain(err error, topic, operations string) error {
	p := c.conn.Explain(err, broker.About{Topic: topic, Operations: operations})
	if p.Kind == broker.UnknownTopic {
		p.Hint = "start a connector with control.enabled, which creates the topic, or correct control.topic and control.reply_topic"
	}
	return fmt.Errorf("send command: %w", p)
}
