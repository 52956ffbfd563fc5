package transform

import (
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/audit"
)

// flat writes headers one a line.
func flat(headers []audit.Header) string {
	var out strings.Builder
	for _, h := range headers {
		out.WriteString(h.Name + "=" + string(h.Value) + "\n")
	}
	return out.String()
}

func TestHeadersOfABlob(t *testing.T) {
	o := options()
	o.Output.Format = FormatRaw
	want := "content-type=application/json\nformat=raw\ntenant=11111111-1111-1111-1111-111111111111\n" +
		"tenant_name=contoso\ncontent_type=Audit.General\n"
	x := transformer(t, o)
	got := x.Headers(blob)
	if diff := cmp.Diff(want+"content_id="+blob.ID+"\ncontent_created=2020-02-27T01:02:03.456Z\n", flat(got)); diff != "" {
		t.Errorf("headers, -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(want+"content_id=2\n", flat(x.Headers(audit.Blob{ID: "2"}))); diff != "" {
		t.Errorf("headers of an undated blob, -want +got:\n%s", diff)
	}
	if !strings.Contains(flat(got), blob.ID) {
		t.Error("the first blob's headers were overwritten by the second's")
	}
	unlisted := blob
	unlisted.Listed = ""
	if h := flat(x.Headers(unlisted)); !strings.Contains(h, "content_created=2020-02-27T01:02:03.456Z\n") {
		t.Errorf("headers of a blob without its listed time: %s", h)
	}
	o.Stream.Tenant.Name = ""
	if h := flat(transformer(t, o).Headers(blob)); strings.Contains(h, "tenant_name") {
		t.Errorf("a header without a value: %s", h)
	}
}

func TestHeadersOfARecord(t *testing.T) {
	x := transformer(t, options())
	for text, want := range map[string]string{
		teams: "record_id=t\nrecord_type=25\nworkload=MicrosoftTeams\nmalformed=no readable CreationTime\n",
		mail:  "record_id=m\nrecord_type=2\nworkload=Exchange\nmalformed=no readable CreationTime\n",
		named: "record_id=n\nrecord_type=2\nworkload=Exchange\nmalformed=no readable CreationTime\n",
		array: "malformed=no object\n",
		`{"Id":12,"CreationTime":"2020-02-27T00:57:40","RecordType":2.5,"Workload":""}`: "record_id=12\n",
		`{"Id":"1","CreationTime":"2020-02-27T00:57:40","RecordType":"007"}`:            "record_id=1\nrecord_type=7\n",
		`{"Id":"1","CreationTime":"2020-02-27T00:57:40","RecordType":"Nonsense"}`:       "record_id=1\n",
	} {
		if diff := cmp.Diff(want, flat(event(t, x, record(text)).Headers)); diff != "" {
			t.Errorf("headers of %s, -want +got:\n%s", text, diff)
		}
	}
}

func TestKeys(t *testing.T) {
	place := blob.ID + "#3"
	full := `{"Id":"i","UserId":"u"}`
	for _, test := range []struct {
		key          Key
		record, want string
	}{
		{KeyRecordID, full, "i"},
		{KeyRecordID, `{"Id":""}`, place},
		{KeyRecordID, `{"Id":{"a":1}}`, place},
		{KeyRecordID, array, place},
		{KeyUser, full, "u"},
		{KeyUser, `{"Id":"i","UserId":null}`, "i"},
		{KeyUser, array, place},
		{KeyTenant, array, stream.Tenant.ID},
		{KeyNone, full, "<nil>"},
	} {
		o := options()
		o.Key = test.key
		r := record(test.record)
		r.Ordinal = 3
		e := event(t, transformer(t, o), r)
		if e.Ordinal != 3 {
			t.Errorf("ordinal = %d, want 3", e.Ordinal)
		}
		got := e.Key
		if (got == nil) != (test.key == KeyNone) {
			t.Errorf("key %s of %s is nil: %v", test.key, test.record, got == nil)
		}
		if got != nil && string(got) != test.want {
			t.Errorf("key %s of %s = %q, want %q", test.key, test.record, got, test.want)
		}
	}
}

func TestRawIsTheRecordItself(t *testing.T) {
	o := options()
	o.Output.Format = FormatRaw
	text := "{ \"Id\" : \"\xff\" ,\n\"a\":1e400}"
	if got := event(t, transformer(t, o), record(text)).Value; string(got) != text {
		t.Errorf("value = %q, want %q", got, text)
	}
}

func TestFilteredRecordIsNoEvent(t *testing.T) {
	o := options()
	o.Filter.Workloads = List{"Exchange"}
	x := transformer(t, o)
	if _, ok, err := x.Event(blob, record(teams)); ok || err != nil {
		t.Errorf("Event() = %v, %v", ok, err)
	}
	event(t, x, record(mail))
	o.Filter.ContentTypes = map[string]ContentFilter{"audit.general": {Match: Match{Workloads: List{}}}, "Audit.Exchange": {Match: Match{Workloads: List{"x"}}}}
	event(t, transformer(t, o), record(teams))
}

func TestNewNamesEveryProblem(t *testing.T) {
	_, err := New(Options{
		Stream: stream, Filter: FilterConfig{Match: Match{Workloads: List{""}}}, Output: OutputConfig{Format: "xml"},
		Topic: "{", Key: "id",
	})
	if err == nil {
		t.Fatal("wrong options are taken")
	}
	for _, want := range []string{"workloads[0]", "format", "placeholder", "key", "contoso/Audit.General"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q: %v", want, err)
		}
	}
}

// TestTransformersShareNothing runs one per goroutine, for the race detector.
func TestTransformersShareNothing(t *testing.T) {
	o := options()
	o.Topic = "o365.{workload}"
	o.Filter.Not.RecordTypes = List{"Sway"}
	make, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	want := string(event(t, make(), record(signIn)).Value)
	var all sync.WaitGroup
	for range 4 {
		x := make()
		all.Go(func() {
			r := record(signIn)
			for range 100 {
				x.Headers(blob)
				if e, _, _ := x.Event(blob, r); string(e.Value) != want {
					t.Error("another goroutine's incident")
					return
				}
			}
		})
	}
	all.Wait()
}
