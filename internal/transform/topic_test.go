package transform

import (
	"fmt"
	"strings"
	"testing"

	"o365-kafka-connector/internal/audit"
)

func TestTopics(t *testing.T) {
	long := strings.Repeat("w", 300)
	for _, test := range []struct{ template, record, want string }{
		{"o365.incidents", teams, "o365.incidents"},
		{"{tenant}", teams, stream.Tenant.ID},
		{"o365.{tenant_name}.{content_type}", teams, "o365.contoso.Audit.General"},
		{"o365.{workload}", teams, "o365.MicrosoftTeams"},
		{"{tenant_name}-{workload}-{record_type}-x", mail, "contoso-Exchange-2-x"},
		{"o365.{workload}.{record_type}", bare, "o365.unknown.unknown"},
		{"o365.{workload}", array, "o365.unknown"},
		{"o365.{workload}", `{"Workload":" Bü/ro {x}\n "}`, "o365.B__ro__x_"},
		{"{workload}", `{"Workload":".."}`, "unknown"},
		{"o365.{workload}", `{"Workload":"` + long + `"}`, "o365." + long[:maxTopic-5]},
	} {
		o := options()
		o.Topic = test.template
		x := transformer(t, o)
		for range 2 {
			if got := event(t, x, record(test.record)).Topic; got != test.want {
				t.Errorf("topic of %s = %q, want %q", test.template, got, test.want)
			}
		}
		topic, err := ParseTopic(test.template)
		if err != nil {
			t.Fatal(err)
		}
		perRecord := strings.Contains(test.template, "{workload}") || strings.Contains(test.template, "{record_type}")
		name, ok := topic.For(stream)
		if ok == perRecord || (ok && name != test.want) {
			t.Errorf("For(%s) = %q, %v", test.template, name, ok)
		}
	}
}

func TestTopicOfANamelessTenant(t *testing.T) {
	o := options()
	o.Stream.Tenant.Name = ""
	o.Topic = "{tenant_name}"
	if got := event(t, transformer(t, o), record(teams)).Topic; got != "unknown" {
		t.Errorf("topic = %q", got)
	}
}

func TestTopicsThatAreRefused(t *testing.T) {
	for template, want := range map[string]string{
		"":                         "empty",
		"o365 incidents":           "illegal character",
		"o365.é":                   "illegal character",
		"a}b":                      "illegal character",
		"o365.{operation}":         "unknown placeholder",
		"o365.{Workload}":          "unknown placeholder",
		"o365.{workload":           "unknown placeholder",
		"{}":                       "unknown placeholder",
		".":                        "no name",
		"..":                       "no name",
		strings.Repeat("a", 250):   "too long",
		strings.Repeat("{a", 2000): "unknown placeholder",
	} {
		if _, err := ParseTopic(template); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseTopic(%.30q) = %v, want %q", template, err, want)
		}
	}
	if _, err := ParseTopic(strings.Repeat("a", 249)); err != nil {
		t.Errorf("the longest topic is refused: %v", err)
	}
}

func TestRememberedTopicsAreBounded(t *testing.T) {
	o := options()
	o.Topic = "{workload}"
	x := transformer(t, o)
	for i := range 3 * maxTopicNames {
		workload := fmt.Sprintf("w%d", i)
		r := record(`{"Workload":"` + workload + `"}`)
		if got := event(t, x, r).Topic; got != workload {
			t.Fatalf("topic = %q, want %q", got, workload)
		}
		if len(x.topics.names) > maxTopicNames {
			t.Fatalf("%d topics are remembered", len(x.topics.names))
		}
	}
}

// TestRememberedTopicsAreShort gives a field that is much longer than a name may be, and differs only where it is cut.
func TestRememberedTopicsAreShort(t *testing.T) {
	o := options()
	o.Topic = "o365.{workload}.{record_type}.x"
	x := transformer(t, o)
	long := strings.Repeat("w", 1<<20)
	for i := range 3 {
		r := record(fmt.Sprintf(`{"Workload":"%s%d","RecordType":"%s"}`, long, i, long))
		if got, want := event(t, x, r).Topic, ("o365." + long)[:maxTopic]; got != want {
			t.Fatalf("topic = %q, want %q", got, want)
		}
	}
	if len(x.topics.names) != 1 || cap(x.topics.scratch) > 4*maxTopic {
		t.Errorf("%d names are remembered, with %d bytes beside", len(x.topics.names), cap(x.topics.scratch))
	}
	for rendered := range x.topics.names {
		if len(rendered) > maxTopic {
			t.Errorf("%d bytes are remembered for a name", len(rendered))
		}
	}
}

// inFull renders a name as if there were no limit, and cuts it off then.
func inFull(t Topic, workload string) string {
	var name strings.Builder
	for _, p := range t.parts {
		value := strings.TrimSpace(workload)
		if p.placeholder != perRecord {
			value = p.text
		}
		if p.placeholder > perRecord {
			value = unknownTopicPart
		}
		from := name.Len()
		for i := range len(value) {
			switch c := value[i]; {
			case legal(c):
				name.WriteByte(c)
			case c < 0x80 || c >= 0xC0:
				name.WriteByte('_')
			}
		}
		if name.Len() == from {
			name.WriteString(unknownTopicPart)
		}
	}
	return finishTopic([]byte(name.String()))
}

func FuzzTopic(f *testing.F) {
	f.Add("o365.{tenant_name}.{workload}", "Exchange", "x y")
	f.Add("{record_type}{workload}", "", "..")
	f.Add("{workload}.{record_type}", "", strings.Repeat("\u00e9", 248))
	f.Add("{tenant_name}.{workload}.x", strings.Repeat("n", 400), strings.Repeat("\u00e9", 400))
	f.Fuzz(func(t *testing.T, template, name, workload string) {
		topic, err := ParseTopic(template)
		if err != nil {
			t.Skip()
		}
		s := stream
		s.Tenant.Name = name
		n := topicNames{template: topic.bind(s), names: map[string]string{}}
		r := &audit.Record{}
		r.Fields[audit.FieldWorkload].Text = []byte(workload)
		got := n.name(r)
		if got == "" || len(got) > maxTopic || got == "." || got == ".." {
			t.Fatalf("topic %q", got)
		}
		if want := inFull(n.template, workload); got != want {
			t.Fatalf("topic %q, want %q", got, want)
		}
		for i := range len(got) {
			if !legal(got[i]) {
				t.Fatalf("topic %q has an illegal character", got)
			}
		}
	})
}
