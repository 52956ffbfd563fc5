package control

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/txn"
	"o365-kafka-connector/internal/unit"
)

// TestStrangeCommandsGetAnswers sends everything that can be wrong and then something right, which shows that the
// loop goes on, and that all of it is committed.
func TestStrangeCommandsGetAnswers(t *testing.T) {
	onKafka(t, func(r *rig) {
		r.tenants = []audit.Tenant{contoso, fabrikam}
		r.join("a", change{config: func(c *Config) { c.Allow = []string{"list-subscriptions", "contoso/pause"} }})
		r.whole(10*time.Second, "a")
		key, past := "same key", time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
		var last int64
		cases := []struct {
			value   string
			outcome Outcome
			code    string
			words   string
		}{
			{`{"command":`, OutcomeInvalid, "malformed", "no JSON object"},
			{"", OutcomeInvalid, "invalid_argument", "empty"},
			{"\x00\x01\xff", OutcomeUnknown, "unknown_command", "use one of list-subscriptions"},
			{`{"command":"format-disk"}`, OutcomeUnknown, "unknown_command", "use one of list-subscriptions"},
			{`{"command":"list-subscriptions","arguments":{"x":"y"}}`, OutcomeInvalid, "invalid_argument", "it takes none"},
			{`{"command":"list-subscriptions","tenant":"nobody"}`, OutcomeInvalid, "invalid_argument", `tenant "nobody" is not configured`},
			{`{"command":"pause","arguments":{"content_type":"DLP.All"}}`, OutcomeInvalid, "invalid_argument", "several tenants"},
			{`{"command":"resume","tenant":"contoso","arguments":{"content_type":"DLP.All"}}`, OutcomeRefused, "not_allowed", "control.allow has list-subscriptions, pause"},
			{`{"command":"pause","tenant":"fabrikam","arguments":{"content_type":"DLP.All"}}`, OutcomeRefused, "not_allowed", "control.allow has list-subscriptions"},
			{`{"command":"list-subscriptions","reply_to":"elsewhere"}`, OutcomeRefused, "reply_topic", "control.reply_topics"},
			{`{"command":"list-subscriptions","expires":"` + past + `"}`, OutcomeExpired, "expired", "is not done now"},
			{`!list-subscriptions issued_by="` + strings.Repeat("x", MaxCommand) + `"`, OutcomeInvalid, "too_large", "at most 1048576 are taken"},
			{`!list-subscriptions`, OutcomeDone, "", "done by a"},
			{`"!ms-management-activity-list-subscriptions"`, OutcomeDone, "", "done by a"},
		}
		partition := r.partitionOf(key)
		for _, tc := range cases {
			last = r.send(key, tc.value)
			got := r.answersTo(fmt.Sprintf("%s/%d/%d", r.config.Topic, partition, last), 1)[0]
			code, text := "", got.HumanReadable
			if got.Error != nil {
				code = got.Error.Code
			}
			if got.Outcome != tc.outcome || code != tc.code || !strings.Contains(text, tc.words) {
				t.Errorf("%.100s: %s %s %.300s", tc.value, got.Outcome, code, text)
			}
		}
		r.until("the last one is committed", 5*time.Second, func() bool { return r.committed(partition) == last+1 })
		if n := len(r.tellings()); n != len(cases) {
			t.Errorf("%d of %d commands were told of", n, len(cases))
		}
		for _, want := range []string{`"outcome":"expired"`, `"outcome":"invalid"`, `"outcome":"done"`, `"issued_by"`, `"offset"`} {
			if !strings.Contains(r.log(), want) {
				t.Errorf("the log lacks %s", want)
			}
		}
	})
}

func (r *rig) partitionOf(key string) int {
	return int(txn.PartitionOf([]byte(key), r.config.Partitions))
}

func TestACommandIsPassedOnOnce(t *testing.T) {
	onKafka(t, func(r *rig) {
		r.join("a", change{})
		r.whole(10*time.Second, "a")
		s := streamsOf(contoso)[0]
		wrong := (Shard(s, 12) + 1) % 12
		value := fmt.Sprintf(`{"command":"pause","arguments":{"content_type":%q}}`, s.ContentType)
		offset := r.sendTo(wrong, "", value)
		// The id stays the one of the place where it first arrived.
		if got := r.answersTo(fmt.Sprintf("%s/%d/%d", r.config.Topic, wrong, offset), 1)[0]; got.Outcome != OutcomeDone {
			t.Errorf("%+v", got)
		}
		offset = r.sendTo(wrong, "", value, kafka.Header{Key: "hop", Value: []byte("1")})
		if got := r.answersTo(fmt.Sprintf("%s/%d/%d", r.config.Topic, wrong, offset), 1)[0]; got.Outcome != OutcomeInvalid || !strings.Contains(got.HumanReadable, "belongs to another partition") {
			t.Errorf("%+v", got)
		}
		// The deadline, too: passing on must not make a command younger.
		past := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
		r.send(s.Key(), `{"id":"old","command":"pause"}`, kafka.Header{Key: "hop", Value: []byte("1")}, kafka.Header{Key: "deadline", Value: []byte(past)})
		if got := r.answersTo("old", 1)[0]; got.Outcome != OutcomeExpired {
			t.Errorf("%+v", got)
		}
	})
}

func TestARepeatedCommandGetsTheSameAnswer(t *testing.T) {
	onKafka(t, func(r *rig) {
		a := r.join("a", change{})
		r.whole(10*time.Second, "a")
		s := streamsOf(contoso)[2]
		first := r.ask(pause(s, "once"))
		r.send(s.Key(), `{"id":"once","command":"pause"}`)
		r.answersTo("once", 2)
		a.leave()
		r.join("b", change{})
		r.send(s.Key(), `{"id":"once","command":"pause"}`)
		// Expired by now: still the answer that was given, for it was done.
		r.send(s.Key(), `{"id":"once","command":"pause","expires":"2026-01-01"}`)
		for _, got := range r.answersTo("once", 4) {
			if got.HumanReadable != first.HumanReadable || got.Outcome != OutcomeDone {
				t.Errorf("%+v, first %+v", got, first)
			}
		}
		if n := r.effects("once"); n != 1 {
			t.Errorf("done %d times", n)
		}
		if age := r.answers.ages["once"]; age < 48*time.Hour {
			t.Errorf("the answer is kept for %v", age)
		}
	})
}

// An id names one command: another one does not get its answer as if it had been done.
func TestAnIDIsUsedAgain(t *testing.T) {
	onKafka(t, func(r *rig) {
		r.tenants = []audit.Tenant{contoso, fabrikam}
		r.join("a", change{})
		r.whole(10*time.Second, "a")
		exchange := streamsOf(contoso)[1]
		r.ask(pause(exchange, "fixed"))
		for i, other := range []string{
			`{"id":"fixed","command":"pause","tenant":"contoso","arguments":{"content_type":"DLP.All"}}`,
			`{"id":"fixed","command":"pause","tenant":"fabrikam","arguments":{"content_type":"Audit.Exchange"}}`,
			`{"id":"fixed","command":"resume","tenant":"contoso","arguments":{"content_type":"Audit.Exchange"}}`,
		} {
			r.send("", other)
			if got := r.answersTo("fixed", i+2)[i+1]; got.Outcome != OutcomeRefused || got.Error.Code != "id_reused" {
				t.Errorf("%s: %+v", other, got)
			}
		}
		r.send("", `{"id":"fixed","command":"!ms-management-activity-pause","tenant":"CONTOSO","arguments":{"content_type":"audit.exchange"}}`)
		if got := r.answersTo("fixed", 5)[4]; got.Outcome != OutcomeDone || r.effects("fixed") != 1 {
			t.Errorf("%+v, done %d times", got, r.effects("fixed"))
		}
	})
}

// An id that was made of the offset is good for one life of the topic.
func TestOffsetsBeginAnew(t *testing.T) {
	onKafka(t, func(r *rig) {
		s := streamsOf(contoso)[0]
		value := fmt.Sprintf(`{"command":"pause","arguments":{"content_type":%q}}`, s.ContentType)
		wrong := (Shard(s, 12) + 1) % 12
		id := fmt.Sprintf("%s/%d/0", r.config.Topic, wrong)
		var done []string // ids that the handler was given
		keep := change{handle: func(m *member) Handler {
			return func(_ context.Context, c Command, emit func(Reply) error) error {
				done = append(done, c.ID)
				return m.did(c, emit)
			}
		}}
		for i := range 2 {
			m := r.join("a", keep)
			r.whole(10*time.Second, "a")
			r.sendTo(wrong, "", value) // passed on
			r.answersTo(id, i+1)
			m.leave()
			if len(done) != i+1 || i == 1 && done[0] == done[1] {
				t.Fatalf("done %v", done)
			}
			res, err := r.conn.Client.DeleteTopics(t.Context(), &kafka.DeleteTopicsRequest{Topics: []string{r.config.Topic}})
			if err != nil || res.Errors[r.config.Topic] != nil {
				t.Fatal(err, res)
			}
			r.config.GroupID += ".new"
		}
	})
}

// What a stranger calls a tenant is no tenant.
func TestARefusedCommandHasNoStrangeTenant(t *testing.T) {
	onKafka(t, func(r *rig) {
		r.join("a", change{})
		r.whole(10*time.Second, "a")
		for id, tenant := range map[string]string{"known": "Contoso", "strange": "nobody"} {
			r.send("x", fmt.Sprintf(`{"id":%q,"command":"list-content","tenant":%q,"arguments":{"content_type":"nope"}}`, id, tenant))
		}
		if got := r.answersTo("known", 1)[0]; got.Tenant != tenantID || got.Outcome != OutcomeInvalid {
			t.Errorf("%+v", got)
		}
		if got := r.answersTo("strange", 1)[0]; got.Tenant != "" || got.Outcome != OutcomeInvalid {
			t.Errorf("%+v", got)
		}
	})
}

// TestCommandsOfAStreamComeOneByOne has one stream's command hang, while others of the same partition go on.
func TestCommandsOfAStreamComeOneByOne(t *testing.T) {
	onKafka(t, func(r *rig) {
		var mu sync.Mutex
		var order []string
		release := make(chan struct{})
		r.join("a", change{handle: func(m *member) Handler {
			return func(ctx context.Context, c Command, emit func(Reply) error) error {
				if c.ID == "s1-1" {
					select {
					case <-release:
					case <-ctx.Done():
						return ctx.Err()
					}
				}
				mu.Lock()
				order = append(order, c.ID)
				mu.Unlock()
				return m.did(c, emit)
			}
		}})
		r.whole(10*time.Second, "a")
		s1, partition := streamsOf(contoso)[0], Shard(streamsOf(contoso)[0], 12)
		var first int64 = -1
		for _, c := range []string{
			`{"id":"s1-1","command":"pause","arguments":{"content_type":"` + string(s1.ContentType) + `"}}`,
			`{"id":"s1-2","command":"resume","arguments":{"content_type":"` + string(s1.ContentType) + `"}}`,
			`{"id":"t-1","command":"list-subscriptions"}`,
			`{"id":"t-2","command":"generate-login-url"}`,
		} {
			offset := r.sendTo(partition, "", c)
			if first < 0 {
				first = offset
			}
		}
		r.answersTo("t-1", 1)
		r.answersTo("t-2", 1)
		time.Sleep(300 * time.Millisecond)
		if r.effects("s1-2") != 0 {
			t.Error("the second command of the stream overtook the first")
		}
		if at := r.committed(partition); at > first {
			t.Errorf("offset %d was committed, the command at %d being undone", at, first)
		}
		close(release)
		r.answersTo("s1-2", 1)
		r.until("all is committed", 5*time.Second, func() bool { return r.committed(partition) == first+4 })
		mu.Lock()
		defer mu.Unlock()
		if i, j := slices.Index(order, "s1-1"), slices.Index(order, "s1-2"); i > j {
			t.Errorf("order %v", order)
		}
	})
}

// A member that dies in the middle of a command leaves it to the next; one that dies between the effect and the
// commit leaves the answer.
func TestACommandOutlivesItsMember(t *testing.T) {
	onKafka(t, func(r *rig) {
		s := streamsOf(contoso)[0]
		began := make(chan struct{}, 1)
		a := r.join("a", change{handle: func(m *member) Handler {
			return func(ctx context.Context, c Command, emit func(Reply) error) error {
				if c.ID == "half" {
					began <- struct{}{}
					<-ctx.Done()
					return ctx.Err()
				}
				if err := m.did(c, emit); err != nil {
					return err
				}
				m.kill() // from here on nothing reaches the broker, neither reply nor offset
				return nil
			}
		}})
		r.whole(10*time.Second, "a")
		r.send(s.Key(), `{"id":"half","command":"pause"}`)
		<-began
		a.leave()
		if r.committed(Shard(s, 12)) > 0 {
			t.Error("a command that was interrupted is committed")
		}
		b := r.join("b", change{})
		if got := r.answersTo("half", 1)[0]; got.HumanReadable != "done by b" {
			t.Errorf("%+v", got)
		}
		b.leave()
		r.join("c", change{handle: dying})
		r.whole(10*time.Second, "c")
		r.send(s.Key(), `{"id":"done","command":"pause"}`)
		r.until("it is done", 5*time.Second, func() bool { return r.effects("done") == 1 })
		r.join("d", change{})
		if got := r.answersTo("done", 1)[0]; got.HumanReadable != "done by c" || got.Outcome != OutcomeDone {
			t.Errorf("%+v", got)
		}
		if n := r.effects("done"); n != 1 {
			t.Errorf("done %d times", n)
		}
	})
}

// dying does a command and dies before anybody hears of it.
func dying(self *member) Handler {
	return func(_ context.Context, c Command, emit func(Reply) error) error {
		err := self.did(c, emit)
		self.kill()
		return err
	}
}

func TestNoOldCommandIsDoneAgain(t *testing.T) {
	onKafka(t, func(r *rig) {
		r.config.MaxAge = unit.Duration(time.Second)
		a := r.join("a", change{})
		r.whole(10*time.Second, "a")
		s := streamsOf(contoso)[0]
		r.send(s.Key(), `{"id":"stop","command":"stop-subscription"}`)
		r.answersTo("stop", 1)
		a.leave()
		// All memory is lost: the answers, and the group's offsets.
		r.answers.mu.Lock()
		clear(r.answers.answers)
		clear(r.answers.claims)
		r.answers.mu.Unlock()
		r.config.GroupID += ".new"
		time.Sleep(time.Second)
		r.join("b", change{})
		got := r.answersTo("stop", 2)[1]
		if got.Outcome != OutcomeExpired || r.effects("stop") != 1 {
			t.Errorf("%+v, done %d times", got, r.effects("stop"))
		}
	})
}

func TestCommandsWaitForTheStoreOfAnswers(t *testing.T) {
	onKafka(t, func(r *rig) {
		r.join("a", change{})
		r.whole(10*time.Second, "a")
		s := streamsOf(contoso)[0]
		r.answers.setDown(errors.New("redis is away"))
		r.send(s.Key(), `{"id":"waits","command":"pause"}`)
		soon := time.Now().Add(1200 * time.Millisecond).UTC().Format(time.RFC3339Nano)
		r.send("x", `{"id":"hurry","command":"list-subscriptions","expires":"`+soon+`"}`)
		if got := r.answersTo("hurry", 1)[0]; got.Outcome != OutcomeExpired || !strings.Contains(got.HumanReadable, "redis is away") {
			t.Errorf("%+v", got)
		}
		if r.effects("waits")+r.effects("hurry") != 0 {
			t.Error("a command was done that nobody can remember")
		}
		r.answers.setDown(nil)
		if got := r.answersTo("waits", 1)[0]; got.Outcome != OutcomeDone {
			t.Errorf("%+v", got)
		}
	})
}

func TestADeadlineEndsACommand(t *testing.T) {
	onKafka(t, func(r *rig) {
		r.join("a", change{handle: func(*member) Handler {
			return func(ctx context.Context, _ Command, _ func(Reply) error) error {
				<-ctx.Done()
				return fmt.Errorf("list blobs: %w", ctx.Err())
			}
		}})
		r.whole(10*time.Second, "a")
		soon := time.Now().Add(1500 * time.Millisecond).UTC().Format(time.RFC3339Nano)
		r.send("x", `{"id":"hangs","command":"list-subscriptions","expires":"`+soon+`"}`)
		if got := r.answersTo("hangs", 1)[0]; got.Outcome != OutcomeFailed || got.Error.Code != "deadline" {
			t.Errorf("%+v", got)
		}
	})
}

func TestRepliesGoWhereTheyMay(t *testing.T) {
	onKafka(t, func(r *rig) {
		other := r.config.ReplyTopic + ".other"
		r.config.ReplyTopics = []string{other, other + ".missing"}
		r.join("a", change{})
		r.whole(10*time.Second, "a")
		s := streamsOf(contoso)[0]
		r.send(s.Key(), `{"id":"lost","command":"pause","reply_to":"`+other+`.missing"}`)
		// The topic is not there: after some tries the reply topic has it.
		r.answersTo("lost", 1)
	})
}
