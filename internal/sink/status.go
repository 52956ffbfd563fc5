package sink

import (
	"context"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/txn"
)

var allowAnyText = jsontext.AllowInvalidUTF8(true)

// What is spent on messages that no event waits for: time at once, the pause until gaps are tried again by themselves,
// and how many of those are kept.
const (
	statusTimeout = 5 * time.Second
	untoldPause   = 15 * time.Second
	untoldMost    = 1000
)

// statusValue is a status message as it stands on its topic.
type statusValue struct {
	Time        string `json:"time"`
	Instance    string `json:"instance,omitzero"`
	Tenant      string `json:"tenant"`
	ContentType string `json:"content_type"`
	Kind        string `json:"kind"`
	From        string `json:"from,omitzero"`
	To          string `json:"to,omitzero"`
	Cause       string `json:"cause,omitzero"`
	Count       int    `json:"count,omitzero"`
	Message     string `json:"message,omitzero"`
}

func statusKey(m audit.StatusMessage) string {
	key := m.Stream.Key() + "/" + m.Kind
	if m.Kind == "gap" {
		key += "/" + timeText(m.From)
	}
	return key
}

func statusJSON(m audit.StatusMessage, instance string) []byte {
	value, _ := json.Marshal(statusValue{ // strings cannot fail but for invalid UTF-8, which is allowed
		Time: timeText(m.Time), Instance: instance,
		Tenant: m.Stream.Tenant.ID, ContentType: string(m.Stream.ContentType), Kind: m.Kind,
		From: timeText(m.From), To: timeText(m.To), Cause: string(m.Cause), Count: m.Count, Message: m.Message,
	}, allowAnyText)
	return value
}

// status publishes the status messages of a commit as well as it can within a short time: no event waits for them.
// Gaps that could not be told go with a later commit's.
func (p *publisher) status(ctx context.Context, messages []audit.StatusMessage) {
	if len(messages) == 0 && p.sink.options.Now().Before(p.untoldUntil) {
		return
	}
	messages = append(p.untold, messages...)
	p.untold = nil
	if err := p.tell(ctx, messages); err != nil {
		p.untoldUntil = p.sink.options.Now().Add(untoldPause)
		p.keepGaps(messages)
		p.sink.options.Trouble(p.stream, p.sink.explain(p.sink.config.StatusTopic, err))
	}
}

// keepGaps keeps those of the messages that must not be lost.
func (p *publisher) keepGaps(messages []audit.StatusMessage) {
	for _, m := range messages {
		if m.Kind == "gap" {
			p.untold = append(p.untold, m)
		}
	}
	p.untold = p.untold[max(0, len(p.untold)-untoldMost):]
}

func (p *publisher) tell(ctx context.Context, messages []audit.StatusMessage) error {
	if len(messages) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	for _, m := range messages {
		r := txn.Record{Key: []byte(statusKey(m)), Value: statusJSON(m, p.sink.options.Instance)}
		if err := p.add(ctx, p.sink.config.StatusTopic, r, origin{batch: fromStatus}); err != nil {
			return err
		}
	}
	return p.flush(ctx)
}

// Tell publishes status messages that belong to no commit. It tries for a few seconds.
func (k *KafkaSink) Tell(ctx context.Context, messages []audit.StatusMessage) error {
	k.telling.Lock()
	defer k.telling.Unlock()
	if k.teller == nil {
		k.teller = k.open(audit.Stream{})
	}
	k.teller.begin(audit.Commit{})
	defer k.teller.drop()
	if err := k.teller.tell(ctx, messages); err != nil {
		return k.explain(k.config.StatusTopic, err)
	}
	return nil
}
