package control

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/audit"
)

// What members tell each other must not change: old and new ones are in the same group during an upgrade.
func TestProfileOnTheWire(t *testing.T) {
	keys := append(keysOf(streamsOf(contoso, fabrikam)), "33333333-3333-3333-3333-333333333333/DLP.All")
	p := profile{
		Instance: "one", Host: "alpha", Since: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC),
		Generation: 7, Held: []int{0, 4}, Streams: newStreamSets(keys),
	}
	data, err := p.encode()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"v":1,"instance":"one","host":"alpha","since":"2026-11-23T08:00:00Z","generation":7,"held":[0,4],"streams":[` +
		`{"types":["Audit.AzureActiveDirectory","Audit.Exchange","Audit.General","Audit.SharePoint","DLP.All"],` +
		`"tenants":["11111111-1111-1111-1111-111111111111","22222222-2222-2222-2222-222222222222"]},` +
		`{"types":["DLP.All"],"tenants":["33333333-3333-3333-3333-333333333333"]}]}`
	if diff := cmp.Diff(want, string(data)); diff != "" {
		t.Error(diff)
	}
	back, err := decodeProfile(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(keys, back.keys()); diff != "" {
		t.Error(diff)
	}
}

func TestProfileOfTooManyTenantsIsRefused(t *testing.T) {
	var keys []string
	for i := range 20_000 {
		keys = append(keys, fmt.Sprintf("11111111-1111-1111-1111-%012d/DLP.All", i))
	}
	if _, err := (profile{Streams: newStreamSets(keys)}).encode(); err == nil || !has(err.Error(), "control.group_id") {
		t.Errorf("error %v", err)
	}
	p := profile{Instance: "one", Streams: newStreamSets(keys[:10_000])}
	data, err := p.encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decodeProfile(data); err != nil {
		t.Error(err)
	}
}

func TestProfilesThatAreNone(t *testing.T) {
	for _, text := range []string{
		``, `x`, `[]`, `{}`, `{"v":2}`, `{"v":1,"held":[-1]}`, `{"v":1,"held":[70000]}`,
		`{"v":1,"streams":[{"types":["DLP"],"tenants":["a"]}]}`, `{"v":1,"streams":[{"types":["DLP.All"],"tenants":[""]}]}`,
		`{"v":1,"streams":[{"types":["DLP.All"],"tenants":["a/b"]}]}`,
		`{"v":1,"streams":[{"types":["DLP.All","DLP.All","DLP.All","DLP.All","DLP.All","DLP.All"],"tenants":["a"]}]}`,
		`{"v":1,"instance":"` + strings.Repeat("x", maxField+1) + `"}`, strings.Repeat(" ", maxProfile+1),
	} {
		if p, err := decodeProfile([]byte(text)); err == nil {
			t.Errorf("%.80s: %+v", text, p)
		}
	}
}

func FuzzDecodeProfile(f *testing.F) {
	f.Add([]byte(`{"v":1,"instance":"a","held":[1,2],"generation":3,"streams":[{"types":["DLP.All"],"tenants":["11111111-1111-1111-1111-111111111111"]}]}`))
	f.Add([]byte(`{"v":1,"streams":[{"types":[],"tenants":["a","A"]},{"types":["DLP.All","DLP.All"],"tenants":["A","a"]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := decodeProfile(data)
		if err != nil {
			return
		}
		p.Streams = newStreamSets(p.keys())
		again, err := p.encode()
		if err != nil {
			t.Skip() // grown by escapes
		}
		q, err := decodeProfile(again)
		if err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		if !slices.Equal(p.keys(), q.keys()) || !slices.Equal(p.Held, q.Held) {
			t.Errorf("%q has become %q", data, again)
		}
		got := balancer{}.AssignGroups([]kafka.GroupMember{
			{ID: "x", Topics: []string{"control"}, UserData: data},
			{ID: "y", Topics: []string{"control"}, UserData: again},
		}, partitionsOf("control", 12))
		if n := len(got["x"]["control"]) + len(got["y"]["control"]); n != 12 {
			t.Errorf("%d partitions are given out: %v", n, got)
		}
	})
}

func partitionsOf(topic string, n int) []kafka.Partition {
	out := make([]kafka.Partition, n)
	for i := range out {
		out[i] = kafka.Partition{Topic: topic, ID: i}
	}
	return out
}

// A member of another version, or of none, runs no stream and still reads its share of the other partitions.
func TestAssignmentWithAForeignMember(t *testing.T) {
	mine, err := profile{Instance: "one", Streams: newStreamSets(keysOf(streamsOf(contoso)))}.encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, foreign := range []string{``, `rubbish`, `{"v":9}`} {
		got := balancer{}.AssignGroups([]kafka.GroupMember{
			{ID: "x", Topics: []string{"control"}, UserData: mine},
			{ID: "y", Topics: []string{"control", "other"}, UserData: []byte(foreign)},
		}, append(partitionsOf("control", 12), partitionsOf("other", 2)...))
		for _, s := range streamsOf(contoso) {
			if !slices.Contains(got["x"]["control"], Shard(s, 12)) {
				t.Errorf("%q: %s is not given to the member that knows it: %v", foreign, s.Key(), got)
			}
		}
		if len(got["x"]["control"]) != 6 || len(got["y"]["control"]) != 6 || len(got["y"]["other"]) != 2 || got["x"]["other"] != nil {
			t.Errorf("%q: %v", foreign, got)
		}
	}
}

func TestClientID(t *testing.T) {
	for _, instance := range []string{"one", "a/b", "ü 1", "%", "..", "host.example.org"} {
		id := clientID(instance, "TOKEN")
		got, token, ok := parseClientID(id)
		if !ok || got != instance || token != "TOKEN" || strings.Count(id, "/") != 2 {
			t.Errorf("%q: %q is read as %q, %q, %v", instance, id, got, token, ok)
		}
	}
	for _, id := range []string{"", "o365-kafka-connector", "o365-kafka-connector/a", "o365-kafka-connector/a/", "o365-kafka-connector//t", "o365-kafka-connector/a/b/t", "o365-kafka-connector/%/t", "kcat/a/t"} {
		if got, token, ok := parseClientID(id); ok {
			t.Errorf("%q is read as %q, %q", id, got, token)
		}
	}
}

func TestFindingsAreToldOnceAndWhenTheyLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f findings
		var told []string
		look := func(details ...string) {
			var found []finding
			for _, d := range details {
				found = append(found, finding{unowned, []string{d}})
			}
			f.take(found, 10*time.Second, func(f finding) {
				if f.kind == healthy {
					f.details = []string{"over"}
				}
				told = append(told, f.details...)
			})
			time.Sleep(6 * time.Second)
		}
		look("a")
		look("a")
		look()
		look("a")
		look("a")
		if len(told) > 0 {
			t.Errorf("told too early: %v", told)
		}
		look("a")
		look("a")
		look("b")
		look()
		look()
		if want := []string{"a", "b", "over"}; !reflect.DeepEqual(told, want) {
			t.Errorf("told %v, want %v", told, want)
		}
	})
}

func TestProfileIsSmall(t *testing.T) {
	var streams []audit.Stream
	for i := range 1000 {
		streams = append(streams, streamsOf(audit.Tenant{ID: fmt.Sprintf("11111111-1111-1111-1111-%012d", i)})...)
	}
	data, err := json.Marshal(profile{Streams: newStreamSets(keysOf(streams))})
	if err != nil || len(data) > 40_000 {
		t.Errorf("%d bytes for a thousand tenants, error %v", len(data), err)
	}
}
