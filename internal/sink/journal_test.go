package sink_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/sink"
	"o365-kafka-connector/internal/testbed"
)

func entryOf(n int64) audit.Entry {
	return audit.Entry{
		N: n, Epoch: 7, Time: time.Date(2026, 11, 23, 8, 0, int(n), 0, time.UTC), Done: []audit.Hash{audit.HashOf(fmt.Sprint("blob-", n))},
	}
}

// journalOf reads a publisher's journal.
func journalOf(t *testing.T, p sink.Publisher, from int64) []audit.Logged {
	t.Helper()
	var all []audit.Logged
	for l, err := range p.Entries(bounded(t), from) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	return all
}

func stands(t *testing.T, p sink.Publisher, want audit.Standing) {
	t.Helper()
	if got, ok := p.Standing(); got != want || !ok {
		t.Errorf("the stream stands at %+v, %t, want %+v", got, ok, want)
	}
}

func numbers(all []audit.Logged) (out []int64) {
	for _, l := range all {
		out = append(out, l.Entry.N)
	}
	return out
}

// committed reads a topic as readers of committed records do, until it has n records and for a moment longer.
func committed(t *testing.T, brokers []string, topic string, n int) []string {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx := bounded(t)
	var out []*kgo.Record
	for len(out) < n && ctx.Err() == nil {
		out = append(out, c.PollFetches(ctx).Records()...)
	}
	after, stop := context.WithTimeout(ctx, 300*time.Millisecond)
	defer stop()
	return values(append(out, c.PollFetches(after).Records()...))
}

func TestJournalTellsEachTransaction(t *testing.T) {
	t.Parallel()
	b := testbed.Kafka(t)
	topic, change := topics(t, nil)
	p, _, s := open(t, b.Addresses(), change)
	stands(t, p, audit.Standing{N: -1})
	if all := journalOf(t, p, -1); len(all) != 0 {
		t.Fatalf("a new journal holds %+v", all)
	}
	var want []audit.Logged
	for n := range int64(3) {
		c := audit.Commit{Entry: entryOf(n + 1)}
		if n != 1 { // an entry without events is a transaction of its own
			c.Batches = []*audit.Batch{batch(t, topic, blobName(int(n)), 50)}
		}
		r := publish(t, p, c)
		want = append(want, audit.Logged{Entry: c.Entry, Position: r.Position})
	}
	if d := cmp.Diff(want, journalOf(t, p, 0)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(want[1:], journalOf(t, p, want[0].Position)); d != "" {
		t.Error(d)
	}
	for _, from := range []int64{want[2].Position, want[2].Position + 1} { // nothing but a mark, and behind it
		if got := journalOf(t, p, from); len(got) != 0 {
			t.Errorf("the end of the journal holds %+v", got)
		}
	}
	for _, err := range p.Entries(bounded(t), want[2].Position+2) {
		if !errors.Is(err, audit.ErrBeyondEnd) {
			t.Errorf("beyond the end: %v", err)
		}
	}
	stands(t, take(t, s), audit.Standing{N: 3, Epoch: 7})
	if got := committed(t, b.Addresses(), topic, 100); len(got) != 100 {
		t.Errorf("%d events, want 100", len(got))
	}
}

// Readers of committed records would see nothing behind another stream's open transaction.
func TestJournalIsReadPastOpenTransactions(t *testing.T) {
	t.Parallel()
	b := testbed.Kafka(t)
	topic, change := topics(t, nil)
	s, _ := sinkOf(t, b.Addresses(), change, 1)
	other := stream
	other.ContentType = audit.SharePoint
	p := take(t, s)
	openTransaction(t, b.Addresses(), "journal."+topic)
	q, err := s.Open(bounded(t), other, 1)
	if err != nil {
		t.Fatal(err)
	}
	publish(t, p, audit.Commit{Entry: entryOf(1), Batches: []*audit.Batch{batch(t, topic, "a", 5)}})
	publish(t, q, audit.Commit{Entry: entryOf(1)})
	publish(t, p, audit.Commit{Entry: entryOf(2)})
	if got := numbers(journalOf(t, p, 0)); !slices.Equal(got, []int64{1, 2}) {
		t.Errorf("entries %v", got)
	}
	if got := numbers(journalOf(t, q, 0)); !slices.Equal(got, []int64{1}) {
		t.Errorf("entries of the other stream %v", got)
	}
}

// openTransaction leaves a transaction open in the first partition of a topic.
func openTransaction(t *testing.T, brokers []string, topic string) {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.TransactionalID(testbed.Name(t)), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := c.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := c.ProduceSync(bounded(t), &kgo.Record{Topic: topic, Key: []byte("another stream"), Value: []byte("x")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func TestFormerOwnerIsFenced(t *testing.T) {
	t.Parallel()
	b := testbed.Kafka(t)
	topic, change := topics(t, nil)
	former, _, s := open(t, b.Addresses(), change)
	publish(t, former, audit.Commit{Entry: entryOf(1), Batches: []*audit.Batch{batch(t, topic, "a", 5)}})
	p := take(t, s)
	_, err := former.Publish(bounded(t), audit.Commit{Entry: entryOf(2), Batches: []*audit.Batch{batch(t, topic, "b", 5)}})
	if !errors.Is(err, audit.ErrFenced) {
		t.Fatalf("the former owner: %v", err)
	}
	publish(t, p, audit.Commit{Entry: entryOf(2), Batches: []*audit.Batch{batch(t, topic, "c", 5)}})
	want := append(wantValues("a", 5), wantValues("c", 5)...)
	if d := cmp.Diff(want, committed(t, b.Addresses(), topic, 10)); d != "" {
		t.Error(d)
	}
}

// What Kafka refuses of a group becomes a dead letter in the transaction of the rest.
func TestRefusedRecordDoesNotBreakTheTransaction(t *testing.T) {
	t.Parallel()
	b := testbed.Kafka(t)
	topic, change := topics(t, nil)
	p, _, _ := open(t, b.Addresses(), change)
	bad := batchOf(t, "bad", 1<<30, func(i int) (audit.Event, bool) {
		e := event(topic, "bad", i, fmt.Appendf(nil, `{"Id":"bad-%d"}`, i))
		if i == 7 {
			e.Value = noise(2 << 20)
		}
		return e, i < 20
	})
	r := publish(t, p, audit.Commit{Entry: entryOf(1), Batches: []*audit.Batch{batch(t, topic, "a", 300), bad, batch(t, topic, "b", 300)}})
	if len(r.Refused) != 1 || r.Refused[0].Ordinal != 7 || r.Position < 1 {
		t.Fatalf("receipt %+v", r)
	}
	if got := committed(t, b.Addresses(), topic, 619); len(got) != 619 {
		t.Errorf("%d events, want 619", len(got))
	}
	if got := committed(t, b.Addresses(), topic+".dead", 1); len(got) != 1 {
		t.Errorf("%d dead letters, want 1", len(got))
	}
	if got := journalOf(t, p, r.Position-1); len(got) != 1 || got[0].Position != r.Position {
		t.Errorf("journal %+v, position %d", got, r.Position)
	}
}

// A transaction that is broken off shows nowhere, and its entry has no offset.
func TestBrokenTransactionShowsNowhere(t *testing.T) {
	t.Parallel()
	b := testbed.Kafka(t)
	topic, change := topics(t, nil)
	p, _, s := open(t, b.Addresses(), change)
	publish(t, p, audit.Commit{Entry: entryOf(1), Batches: []*audit.Batch{batch(t, topic, "a", 5)}})
	ctx, cancel := context.WithCancel(bounded(t))
	// More than a flush; the context ends on the way.
	large := batchOf(t, "large", 1<<30, func(i int) (audit.Event, bool) {
		if i == 2500 {
			cancel()
		}
		return event(topic, "large", i, noise(1000)), i < 3000
	})
	if _, err := p.Publish(ctx, audit.Commit{Entry: entryOf(2), Batches: []*audit.Batch{large}}); err == nil {
		t.Fatal("published after the context's end")
	}
	next := take(t, s)
	stands(t, next, audit.Standing{N: 1, Epoch: 7})
	publish(t, next, audit.Commit{Entry: entryOf(2), Batches: []*audit.Batch{batch(t, topic, "b", 5)}})
	want := append(wantValues("a", 5), wantValues("b", 5)...)
	if d := cmp.Diff(want, committed(t, b.Addresses(), topic, 10)); d != "" {
		t.Error(d)
	}
}

func TestTakesWithoutTransactionsStandInTheJournal(t *testing.T) {
	t.Parallel()
	b := testbed.Kafka(t)
	topic, change := topics(t, atLeastOnce)
	former, _, s := open(t, b.Addresses(), change)
	first := publish(t, former, audit.Commit{Entry: entryOf(1), Batches: []*audit.Batch{batch(t, topic, "a", 5)}})
	p := take(t, s)
	publish(t, former, audit.Commit{Entry: entryOf(2)}) // it is not fenced, but void: its token is not the last take's
	publish(t, p, audit.Commit{Entry: entryOf(2), Batches: []*audit.Batch{batch(t, topic, "b", 5)}})
	all := journalOf(t, p, 0)
	if got := numbers(all); !slices.Equal(got, []int64{0, 1, 0, 2, 2}) || !all[0].Opened || !all[2].Opened {
		t.Fatalf("journal %+v", all)
	}
	a, c := all[0].Token, all[2].Token
	stands(t, former, audit.Standing{N: -1, Token: a})
	stands(t, p, audit.Standing{N: 1, Epoch: 7, Token: c})
	if a == "" || all[0].Entry.Epoch != 1 || c == "" || a == c || all[1].Token != a || all[3].Token != a || all[4].Token != c || all[1].Position != first.Position {
		t.Errorf("journal %+v", all)
	}
	if got := consume(t, b.Addresses(), topic, 10); len(got) != 10 {
		t.Errorf("%d events, want 10", len(got))
	}
}

func TestJournalSettingsAreChecked(t *testing.T) {
	t.Parallel()
	b := testbed.Kafka(t)
	for name, config := range map[string]map[string]string{
		"":                       {"message.timestamp.type": "LogAppendTime", "retention.ms": "-1", "max.message.bytes": "8388608"},
		"cleanup.policy":         {"cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime", "retention.ms": "691200000"},
		"retention.ms":           {"retention.ms": "604800000", "message.timestamp.type": "LogAppendTime"},
		"retention.bytes":        {"retention.bytes": "1000000", "message.timestamp.type": "LogAppendTime", "retention.ms": "691200000"},
		"message.timestamp.type": {"retention.ms": "691200000"},
	} {
		topic, change := topics(t, nil)
		s, _ := sinkOf(t, b.Addresses(), change, 12)
		createTopic(t, b.Addresses(), broker.NewTopic{Name: "journal." + topic, Partitions: 12, Replication: 1, Config: config})
		f := findingsOn(t, s, "journal."+topic)
		f = slices.DeleteFunc(f, func(f sink.Finding) bool { return strings.Contains(f.Text, "one replica") })
		refuse := name != "" && name != "message.timestamp.type"
		switch {
		case name == "" && len(f) == 0:
		case name != "" && len(f) == 1 && f[0].Refuse == refuse && strings.Contains(f[0].Hint, "--add-config "+name+"="):
		default:
			t.Errorf("%s: %+v", name, f)
		}
	}
	topic, change := topics(t, nil)
	s, _ := sinkOf(t, b.Addresses(), change, 12)
	createTopic(t, b.Addresses(), broker.NewTopic{Name: "journal." + topic, Partitions: 6, Replication: 1, Config: map[string]string{"message.timestamp.type": "LogAppendTime", "retention.ms": "-1"}})
	f := findingsOn(t, s, "journal."+topic)
	if !slices.ContainsFunc(f, func(f sink.Finding) bool { return f.Refuse && strings.Contains(f.Hint, "--partitions 12") }) {
		t.Errorf("too few partitions: %+v", f)
	}
}

// What we create ourselves needs no mending.
func TestCreatedJournalIsAsItShouldBe(t *testing.T) {
	t.Parallel()
	b := testbed.Kafka(t)
	topic, change := topics(t, func(k *sink.KafkaConfig) {
		k.Topics.Config = map[string]string{"retention.ms": "3600000", "segment.ms": "3600000"}
	})
	_, _, s := open(t, b.Addresses(), change)
	f := findingsOn(t, s, "journal."+topic)
	if len(f) != 1 || !strings.Contains(f[0].Text, "one replica") {
		t.Errorf("%+v", f)
	}
}

func findingsOn(t *testing.T, s sink.Sink, topic string) []sink.Finding {
	t.Helper()
	all, err := s.Check(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(f sink.Finding) bool { return f.Topic != topic })
}

func createTopic(t *testing.T, addresses []string, topic broker.NewTopic) {
	t.Helper()
	conn, err := broker.New(broker.Config{Brokers: addresses}, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.CreateTopic(bounded(t), topic); err != nil {
		t.Fatal(err)
	}
	for bounded(t).Err() == nil {
		d, err := conn.Describe(bounded(t), topic.Name)
		if err == nil && d.Topics[topic.Name].Err == nil && len(d.Topics[topic.Name].Partitions) == topic.Partitions {
			return
		}
	}
}
