package transform

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestECSIsNamedWithItsVersion(t *testing.T) {
	o := options()
	o.Output.Format = FormatECS
	x := transformer(t, o)
	if h := flat(x.Headers(blob)); !strings.Contains(h, "format=ecs/9.4.0\n") || !strings.Contains(h, "content-type=application/json\n") {
		t.Errorf("headers of a blob:\n%s", h)
	}
	e := event(t, x, record(signIn))
	var got struct {
		Event struct{ ID, Action, Outcome, Created string }
		O365  struct{ Source map[string]string }
	}
	if err := json.Unmarshal(e.Value, &got); err != nil {
		t.Fatal(err)
	}
	source := got.O365.Source
	if got.Event.ID != string(e.Key) || got.Event.Action != "UserLoggedIn" || got.Event.Outcome != "success" ||
		source["tenant"] != stream.Tenant.ID || source["content_id"] != blob.ID || source["content_type"] != string(stream.ContentType) ||
		source["published"] != got.Event.Created || got.Event.Created != "2020-02-27T01:05:00Z" {
		t.Errorf("event %s", e.Value)
	}
}
