package broker

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/createtopics"
	"github.com/segmentio/kafka-go/protocol/describegroups"
)

// Operations are what a broker lets us do with a topic or group: a bit for each kafka.ACLOperationType (KIP-430). The
// zero value says nothing, since any broker before 2.3 says nothing.
type Operations int32

// untold is what brokers answer that were not asked.
const untold Operations = math.MinInt32

// Lacks returns the first of some operations that we may not do; false if there is none, or nothing is known.
func (o Operations) Lacks(wanted ...kafka.ACLOperationType) (kafka.ACLOperationType, bool) {
	if o == 0 || o == untold {
		return 0, false
	}
	for _, op := range wanted {
		if o&(1<<op) == 0 {
			return op, true
		}
	}
	return 0, false
}

// GroupRights asks what we may do with a consumer group, which does not have to exist. The error is
// kafka.GroupAuthorizationFailed if that is not even to see it.
func (c *Conn) GroupRights(ctx context.Context, group string) (Operations, error) {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	m, err := c.Transport.RoundTrip(ctx, c.Addr, &describegroups.Request{Groups: []string{group}, IncludeAuthorizedOperations: true})
	if err != nil {
		return 0, fmt.Errorf("describe group %s: %w", group, err)
	}
	res, ok := m.(*describegroups.Response)
	if !ok || len(res.Groups) != 1 {
		return 0, fmt.Errorf("describe group %s: unexpected answer %T", group, m)
	}
	if code := res.Groups[0].ErrorCode; code != 0 {
		return 0, fmt.Errorf("describe group %s: %w", group, kafka.Error(code))
	}
	return Operations(res.Groups[0].AuthorizedOperations), nil
}

// MissingTopicRight returns the problem that we may not do one of some operations with a topic that exists; nil if
// none is known.
func (c *Conn) MissingTopicRight(t Topic, wanted ...kafka.ACLOperationType) *Problem {
	op, lacks := t.Allowed.Lacks(wanted...)
	if !lacks {
		return nil
	}
	err := fmt.Errorf("no right to %s topic %s: %w", op, t.Name, kafka.TopicAuthorizationFailed)
	return c.Explain(err, About{Topic: t.Name, Operations: op.String()})
}

// MissingGroupRight returns the problem that we may not be a member of a group or keep offsets in its name; nil if
// none is known.
func (c *Conn) MissingGroupRight(ctx context.Context, group string) *Problem {
	allowed, err := c.GroupRights(ctx, group)
	if _, lacks := allowed.Lacks(kafka.ACLOperationTypeRead); lacks {
		err = fmt.Errorf("no right to Read group %s: %w", group, kafka.GroupAuthorizationFailed)
	}
	return c.only(err, kafka.GroupAuthorizationFailed, About{Group: group})
}

// MissingTransactionalRight returns the problem that we may not use a transactional id; nil if none is known. Whoever
// may only describe it is taken for one who may use it.
func (c *Conn) MissingTransactionalRight(ctx context.Context, id string) *Problem {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	res, err := c.Client.FindCoordinator(ctx, &kafka.FindCoordinatorRequest{Addr: c.Addr, Key: id, KeyType: kafka.CoordinatorKeyTypeTransaction})
	if err == nil {
		err = res.Error
	}
	if err != nil {
		err = fmt.Errorf("no right to Write transactional id %s: %w", id, err)
	}
	return c.only(err, kafka.TransactionalIDAuthorizationFailed, About{Group: id})
}

// creationCheck asks whether a topic could be created. Sent as it is, kafka-go would wait for the topic to appear.
type creationCheck struct{ createtopics.Request }

// Split returns the one request.
func (r *creationCheck) Split(protocol.Cluster) ([]protocol.Message, protocol.Merger, error) {
	return []protocol.Message{&r.Request}, r, nil
}

// Merge returns the answer to the one request.
func (r *creationCheck) Merge(_ []protocol.Message, results []any) (protocol.Message, error) {
	switch res := results[0].(type) {
	case *createtopics.Response:
		return &creationAnswer{res}, nil
	case error:
		return nil, res
	}
	return nil, errors.New("the broker gave no answer")
}

type creationAnswer struct{ *createtopics.Response }

// MissingCreateRight returns the problem that we may not create a topic; nil if none is known. Nothing is created.
func (c *Conn) MissingCreateRight(ctx context.Context, t NewTopic) *Problem {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	m, err := c.Transport.RoundTrip(ctx, c.Addr, &creationCheck{createtopics.Request{
		Topics:       []createtopics.RequestTopic{{Name: t.Name, NumPartitions: int32(t.Partitions), ReplicationFactor: int16(t.Replication)}},
		TimeoutMs:    int32(adminTimeout.Milliseconds()),
		ValidateOnly: true,
	}})
	res, ok := m.(*creationAnswer)
	if err != nil || !ok || len(res.Topics) != 1 || res.Topics[0].ErrorCode == 0 {
		return nil
	}
	err = fmt.Errorf("no right to Create topic %s: %w", t.Name, kafka.Error(res.Topics[0].ErrorCode))
	about := About{Topic: t.Name, Operations: kafka.ACLOperationTypeCreate.String(), Create: t}
	if p := c.only(err, kafka.TopicAuthorizationFailed, about); p != nil {
		return p
	}
	return c.only(err, kafka.ClusterAuthorizationFailed, about)
}

// only explains an error of one kind; others are told where the work is done.
func (c *Conn) only(err error, kind kafka.Error, about About) *Problem {
	if !errors.Is(err, kind) {
		return nil
	}
	return c.Explain(err, about)
}
