package ecs_test

import (
	"strings"
	"testing"

	"o365-kafka-connector/internal/audit"
)

// FuzzEvent asks for a valid event, whatever the record is.
func FuzzEvent(f *testing.F) {
	for _, raw := range records(f, "testdata/records") {
		f.Add(raw, "id", "")
	}
	f.Add([]byte(`{"RecordType":8,"Target":`+strings.Repeat("[", 100)+strings.Repeat("]", 100)+`}`), "\xff", "")
	f.Add([]byte(`{"Id":"\ud800","UserId":"`+"\xff"+`","Members":[{"UPN":"a@b.c"},null],"RecordType":25}`), "", "")
	f.Add([]byte(`{"RecordType":1,"Parameters":[{"Name":"a","Value":1},{"Name":"a.","Value":2},{"Name":"a_","Value":3},{"Name":"","Value":3}]}`), "", "no Id")
	f.Add([]byte(`{"RecordType":40,"Data":"{\"flattened\":1,\"a.b\":2,\"a_b\":3}"}`), "", "")
	f.Add([]byte(`{"CreationTime":"0001-01-01T00:00:00+14:00"}`), "", "")
	e := encoder()
	f.Fuzz(func(t *testing.T, raw []byte, contentID, malformed string) {
		r := parse(raw)
		if r.Malformed == "" {
			r.Malformed = malformed
		}
		event := e.Append(nil, audit.Blob{ID: contentID}, r)
		if err := conforms(event); err != nil {
			t.Fatalf("%v\n%q\n%s", err, raw, event)
		}
	})
}

func TestMemberOfAMillionBytes(t *testing.T) {
	long := strings.Repeat("é\\n", 1<<18)
	raw := []byte(`{"Id":"` + long + `","CreationTime":"2026-11-23T09:12:44","UserId":"` + long + `@x.example","RecordType":1,` +
		`"Parameters":[{"Name":"` + long + `","Value":"` + long + `"}]}`)
	event := encoder().Append(nil, blob, parse(raw))
	if err := conforms(event); err != nil {
		t.Fatal(err)
	}
	if len(event) > 12*len(long) {
		t.Errorf("%d bytes became %d", len(raw), len(event))
	}
}
