package control

import (
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A Kafka that nobody has used yet names a coordinator before that one knows about it.
func TestLookWaitsForTheFirstCoordinator(t *testing.T) {
	fake, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	var asked atomic.Int32
	fake.ControlKey(int16(kmsg.DescribeGroups), func(req kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		if asked.Add(1) > 3 {
			return nil, nil, false
		}
		res := req.ResponseKind().(*kmsg.DescribeGroupsResponse)
		for _, name := range req.(*kmsg.DescribeGroupsRequest).Groups {
			group := kmsg.NewDescribeGroupsResponseGroup()
			group.Group, group.ErrorCode = name, kerr.NotCoordinator.Code
			res.Groups = append(res.Groups, group)
		}
		return res, nil, true
	})
	r := newRig(t, fake.ListenAddrs())
	got, err := Look(t.Context(), r.config, r.conn, true)
	want := r.config.Topic + " is created at the start; " + r.config.ReplyTopic + " is created at the start; members of group " + r.config.GroupID + ": 0"
	if err != nil || got != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	if n := asked.Load(); n < 4 {
		t.Errorf("asked %d times", n)
	}
}
