package process

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"o365-kafka-connector/internal/e2e/stage"
	"o365-kafka-connector/internal/testbed"
)

// standing is a stage whose journal is harmed.
func standing(t *testing.T, seed uint64, redis, control string) *stage.Stage {
	t.Helper()
	return stage.New(t, stage.Parts{
		Emulator: load(seed), Kafka: testbed.Kafka(t).Addresses(), Redis: redis, Settings: quick, Control: control,
	})
}

// deleteOffsets deletes the groups in whose names the streams keep the numbers of their last entries.
func deleteOffsets(t *testing.T, client *kgo.Client, s *stage.Stage) {
	t.Helper()
	groups, err := kmsg.NewPtrListGroupsRequest().RequestWith(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	request := kmsg.NewPtrDeleteGroupsRequest()
	for _, g := range groups.Groups {
		if strings.HasPrefix(g.Group, s.Name+".") {
			request.Groups = append(request.Groups, g.Group)
		}
	}
	if len(request.Groups) == 0 { // a stream without a commit since the last time has none
		t.Fatal("no stream keeps its number in a group")
	}
	answer, err := request.RequestWith(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range answer.Groups {
		if err := kerr.ErrorForCode(g.ErrorCode); err != nil {
			t.Fatalf("delete group %s: %v", g.Group, err)
		}
	}
}

func deleteJournal(t *testing.T, client *kgo.Client, s *stage.Stage) {
	t.Helper()
	topic := kmsg.NewDeleteTopicsRequestTopic()
	name := s.Topic("journal")
	topic.Topic = &name
	request := kmsg.NewPtrDeleteTopicsRequest()
	request.Topics, request.TopicNames = append(request.Topics, topic), []string{name}
	answer, err := request.RequestWith(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	if err := kerr.ErrorForCode(answer.Topics[0].ErrorCode); err != nil {
		t.Fatalf("delete topic %s: %v", name, err)
	}
}

// The numbers of the last entries are deleted: between two runs, under a live owner, after a kill, and together with all
// that Redis knows. Then a stream's last transaction may come again, since nobody knows whether it was committed unless
// Redis has it.
func TestDeletedOffsetsRepeatAtMostATransaction(t *testing.T) {
	t.Parallel()
	server := testbed.OwnRedis(t)
	s := standing(t, 31, server.Addr, "")
	client := s.Client()
	c := s.Start("one", "")
	await(s, c, 1000)
	c.Stop()
	deleteOffsets(t, client, s)
	c = s.Start("one", "")
	await(s, c, 2000)
	deleteOffsets(t, client, s)
	await(s, c, 3000)
	if v := s.Tally.Compare(s.API.Truth("", ""), nil); v.Repeated > 0 {
		t.Errorf("%d records were repeated although Redis knew all", v.Repeated)
	}
	c.Kill()
	deleteOffsets(t, client, s)
	c = s.Start("one", "")
	await(s, c, 4000)
	c.Kill()
	deleteOffsets(t, client, s)
	newVault(t, server.Addr).flush()
	c = s.Start("one", "")
	await(s, c, 5000)
	s.API.StopOffering()
	s.Settled(2*time.Minute, c)
	mostlyOnce(t, s, c, 2)
}

// The journal's topic is deleted, and with it the numbers of the last entries: between two runs, and under a live
// owner. Redis knows all, and a new journal begins. Only of a transaction that is just being committed then may be
// unknown what became of it.
func TestDeletedJournalRepeatsAtMostATransaction(t *testing.T) {
	t.Parallel()
	s := standing(t, 32, testbed.Redis(t).Addr, "")
	client := s.Client()
	c := s.Start("one", "")
	await(s, c, 1000)
	c.Stop()
	deleteJournal(t, client, s)
	c = s.Start("one", "")
	await(s, c, 3000)
	if v := s.Tally.Compare(s.API.Truth("", ""), nil); v.Repeated > 0 {
		t.Errorf("%d records were repeated although nothing was under way", v.Repeated)
	}
	deleteJournal(t, client, s)
	await(s, c, 6000)
	c.Kill()
	c = s.Start("one", "")
	await(s, c, 7000)
	s.API.StopOffering()
	s.Settled(2*time.Minute, c)
	mostlyOnce(t, s, c, 1)
}

// mostlyOnce expects that every record was delivered, and not more twice than a transaction of each stream for each doubt.
func mostlyOnce(t *testing.T, s *stage.Stage, c *stage.Connector, doubts int) {
	t.Helper()
	time.Sleep(3 * time.Second) // for what comes twice
	v := s.Tally.Compare(s.API.Truth("", ""), nil)
	c.Stop()
	t.Logf("offered %d, delivered %d, repeated %d, lost %d", v.Offered, v.Delivered, v.Repeated, v.Lost)
	if v.Lost > 0 || v.Repeated > doubts*streams*groupBlobs*blobRecords {
		t.Errorf("lost %d, repeated %d", v.Lost, v.Repeated)
	}
}

// Two instances without a group take every stream from each other, again and again, at the same time.
func TestOwnersThatCrossRepeatNothing(t *testing.T) {
	t.Parallel()
	s := standing(t, 33, testbed.Redis(t).Addr, "enabled: false")
	one, two := s.Start("one", ""), s.Start("two", "")
	await(s, one, 5000)
	two.MustRun()
	if len(one.Lines("another owner took the stream; taking it back"))+len(two.Lines("another owner took the stream; taking it back")) == 0 {
		t.Errorf("nothing was taken:\n%s", one.Tail())
	}
	two.Stop()
	once(t, s, one)
}
