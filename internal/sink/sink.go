package sink

import (
	"context"
	"fmt"
	"iter"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/broker"
)

// Sink opens publishers.
type Sink interface {
	// Open returns the publisher of a stream that was taken under an epoch. Nil means that it may publish at once, and,
	// if the sink keeps a journal, that what former publishers left is settled and they can add nothing that counts.
	Open(ctx context.Context, s audit.Stream, epoch int64) (Publisher, error)
	// Tell makes status messages durable that belong to no commit. It tries for a few seconds at most.
	Tell(ctx context.Context, messages []audit.StatusMessage) error
	// Check compares what is there with what is needed. The error means that it could not look.
	Check(ctx context.Context) ([]Finding, error)
	// Close gives connections and files back; publishers must not be used afterwards.
	Close() error
}

// Publisher publishes for one stream. One goroutine at a time may use it.
type Publisher interface {
	// Publish makes the events and dead letters of a commit durable, all of them, and with them, in a sink that keeps a
	// journal, the commit's entry, unless all three are empty. It tries again by itself until the context ends or
	// somebody else took the stream (audit.ErrFenced); after an error nobody knows what was written, and only another
	// Open finds out. What is refused for good becomes a dead letter, told in the receipt.
	Publish(ctx context.Context, c audit.Commit) (audit.Receipt, error)
	// Standing tells what Open found. False means that this sink keeps no journal.
	Standing() (audit.Standing, bool)
	// Entries yields the messages of the stream's journal in the order of the log, from a position, or from the log's
	// start if the position lies before it, up to the end as it is asked for during the call. It tries again by itself
	// until the context ends. Among the errors are audit.ErrBeyondEnd and ErrNewerJournal.
	Entries(ctx context.Context, from int64) iter.Seq2[audit.Logged, error]
	Close() error
}

// noJournal is the part of a publisher that keeps none.
type noJournal struct{}

// Standing knows nothing.
func (noJournal) Standing() (audit.Standing, bool) { return audit.Standing{N: -1}, false }

// Entries yields none.
func (noJournal) Entries(context.Context, int64) iter.Seq2[audit.Logged, error] {
	return func(func(audit.Logged, error) bool) {}
}

// PublishMeter counts what publishers do. Calls are concurrent and must not block.
type PublishMeter interface {
	// Published observes how long a commit took from the call to the acknowledgement.
	Published(s audit.Stream, took time.Duration)
}

// Finding is something about a topic or file that works, but not as it should, or that does not work at all.
type Finding struct {
	Topic string
	Fatal bool // nothing can be published like this
	// Refuse: something has to be changed before the connector is started, or what it promises would not hold.
	Refuse bool
	Note   bool // nothing is wrong
	Text   string
	Hint   string
}

// Options are what a sink is given by the program around it. The zero value works.
type Options struct {
	// Trouble hears of every failed attempt, again and again while it lasts. What belongs to no stream comes with the
	// zero one.
	Trouble  func(audit.Stream, *audit.Fault)
	Meter    PublishMeter
	Version  string // the connector's, for dead letters
	Instance string // this process's name, for status messages
	ClientID string // as brokers show it; default o365-kafka-connector
	Now      func() time.Time
}

func (o Options) withDefaults() Options {
	if o.Trouble == nil {
		o.Trouble = func(audit.Stream, *audit.Fault) {}
	}
	if o.Meter == nil {
		o.Meter = noMeter{}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.ClientID == "" {
		o.ClientID = "o365-kafka-connector"
	}
	return o
}

type noMeter struct{}

func (noMeter) Published(audit.Stream, time.Duration) {}

// Settings are the sections sink and kafka of the configuration.
type Settings struct {
	Sink  Config
	Kafka KafkaConfig // this and the following count for kind kafka only

	Topics []string // to which events go, as far as that does not differ from event to event; nil: kafka.topic
	Group  string   // control.group_id: what belongs to a stream in Kafka is named after it; default o365-connector
	Shards int      // control.partitions: over which the streams' journals are spread; default 12

	Streams []audit.Stream // whose rights Check asks for
}

func (s *Settings) setDefaults() {
	if s.Group == "" {
		s.Group = "o365-connector"
	}
	if s.Shards == 0 {
		s.Shards = 12
	}
	if s.Topics == nil && !strings.Contains(s.Kafka.Topic, "{") {
		s.Topics = []string{s.Kafka.Topic}
	}
}

// Open returns the sink that the settings ask for. For Kafka nothing is connected yet: Check does that.
func Open(s Settings, o Options) (Sink, error) {
	s.setDefaults()
	o = o.withDefaults()
	switch s.Sink.Kind {
	case KindStdout:
		// A reader that goes away should be an error of ours, not our silent end.
		signal.Ignore(syscall.SIGPIPE)
		return NewLines(os.Stdout, os.Stderr, o), nil
	case KindFile:
		return NewFile(s.Sink.Path, o)
	case KindKafka:
		conn, err := broker.New(s.Kafka.Config, o.ClientID)
		if err != nil {
			return nil, err
		}
		return newKafka(conn, s, o)
	}
	return nil, fmt.Errorf("sink.kind %q is unknown: use kafka, stdout or file", s.Sink.Kind)
}
