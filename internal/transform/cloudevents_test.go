package transform

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/audit"
)

// attributes writes an event's CloudEvents headers, those of the blob first.
func attributes(x interface {
	Headers(audit.Blob) []audit.Header
}, e audit.Event,
) string {
	var out []audit.Header
	for _, h := range append(x.Headers(blob), e.Headers...) {
		if strings.HasPrefix(h.Name, "ce_") || h.Name == "content-type" {
			out = append(out, h)
		}
	}
	return flat(out)
}

func TestCloudEvents(t *testing.T) {
	o := options()
	o.Output.CloudEvents = true
	o.Key = KeyNone
	x := transformer(t, o)
	const source = "content-type=application/json\nce_specversion=1.0\nce_source=/office365/11111111-1111-1111-1111-111111111111/Audit.General/incident\n"
	for text, want := range map[string]string{
		signIn: "ce_id=7b1c2f0e-56a1-4d0b-8d5c-0f4d1a2b3c4d\nce_type=com.microsoft.office365.audit.AzureActiveDirectoryStsLogon\n" +
			"ce_time=2026-11-23T09:12:44Z\nce_subject=AzureActiveDirectory/UserLoggedIn\n",
		bare:  "ce_id=b\nce_type=com.microsoft.office365.audit\n",
		array: "ce_id=" + blob.ID + "#0\nce_type=com.microsoft.office365.audit\n",
		`{"Id":"a\u0000b","RecordType":999,"Operation":" x\ty "}`: "ce_id=a\uFFFDb\nce_type=com.microsoft.office365.audit.999\nce_subject= x\uFFFDy \n",
	} {
		if diff := cmp.Diff(source+want, attributes(x, event(t, x, record(text)))); diff != "" {
			t.Errorf("attributes of %s, -want +got:\n%s", text, diff)
		}
	}
	b := audit.NewBatch(stream, blob, 1<<20, nil)
	if err := b.Append(event(t, x, record(signIn))); err != nil {
		t.Fatal(err)
	}
	if got, want := float64(b.Size())/float64(len(signIn)), x.Growth(); got > want*1.1 || got < want*0.9 {
		t.Errorf("factor %.2f; Growth() tells %.2f", got, want)
	}
	r := record(signIn)
	if n := testing.AllocsPerRun(100, func() { _, _, _ = x.Event(blob, r) }); n != 0 {
		t.Errorf("%v allocations for a record, want none", n)
	}
}

func TestCloudEventsOfOneOutput(t *testing.T) {
	x := outputs(t, OutputsOptions{Outputs: outputList(t, `[{format: raw, topic: a, cloudevents: true}, {format: incident, topic: b}]`)})
	events, _, err := x.Events(blob, record(bare))
	if err != nil || len(events) != 2 {
		t.Fatal(events, err)
	}
	if got := attributes(x, events[0]); !strings.Contains(got, "ce_source=/office365/11111111-1111-1111-1111-111111111111/Audit.General/raw\nce_id=b\n") {
		t.Errorf("attributes of the first output: %s", got)
	}
	if got := attributes(x, events[1]); got != "content-type=application/json\n" {
		t.Errorf("attributes of the second output: %s", got)
	}
}

// FuzzCloudEvents holds the attributes against the specification's types.
func FuzzCloudEvents(f *testing.F) {
	f.Add("id", "op", "work", int64(1e9))
	f.Add("\x00\xff", "\u0085", "\uffff", int64(-1))
	f.Fuzz(func(t *testing.T, id, operation, workload string, seconds int64) {
		o := options()
		o.Output.CloudEvents = true
		x := transformer(t, o)
		r := &audit.Record{Raw: []byte("{}")}
		r.Fields[audit.FieldID].Text = []byte(id)
		r.Fields[audit.FieldOperation].Text = []byte(operation)
		r.Fields[audit.FieldWorkload].Text = []byte(workload)
		if seconds %= 1e11; seconds > 0 {
			r.Created = time.Unix(seconds, 0)
		}
		e := event(t, x, r)
		got := map[string]string{}
		for _, h := range append(x.Headers(blob), e.Headers...) {
			if !strings.HasPrefix(h.Name, "ce_") {
				continue
			}
			if _, twice := got[h.Name]; twice || len(h.Value) == 0 || !utf8.Valid(h.Value) || strings.ContainsFunc(string(h.Value), unicode.IsControl) {
				t.Errorf("%s = %q", h.Name, h.Value)
			}
			got[h.Name] = string(h.Value)
		}
		for _, name := range []string{"ce_specversion", "ce_id", "ce_source", "ce_type"} {
			if got[name] == "" {
				t.Errorf("%s is missing", name)
			}
		}
		if at, told := got["ce_time"]; told {
			if _, err := time.Parse(time.RFC3339, at); err != nil && r.Created.UTC().Year() <= 9999 {
				t.Error(err)
			}
		}
	})
}
