package ecs_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

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

// TestNothingMakesItSlow encodes records that whoever wrote them made to be slow: tens of thousands of names that become
// alike, of entries of a list, and of members of the same name.
func TestNothingMakesItSlow(t *testing.T) {
	const many = 30_000
	var alike, pairs, users, same strings.Builder
	for i := range many {
		name := strings.NewReplacer("0", ".", "1", "_").Replace(fmt.Sprintf("%016b", i))
		fmt.Fprintf(&alike, `,"%s":1`, name)
		fmt.Fprintf(&pairs, `,{"Name":"%s","Value":1}`, name)
		fmt.Fprintf(&users, `,{"UPN":"user%d@contoso.example"}`, i)
		same.WriteString(`,"same":1`)
	}
	for name, raw := range map[string]string{
		"names":   `{"Id":"1","X":{"a":1` + alike.String() + `}}`,
		"pairs":   `{"Id":"1","Parameters":[null` + pairs.String() + `],"RecordType":1}`,
		"members": `{"Id":"1","Members":[null` + users.String() + `],"RecordType":25}`,
		"same":    `{"Id":"1"` + same.String() + `}`,
		"nested":  `{"Id":"1","X":` + strings.Repeat(`{"a":[`, many) + strings.Repeat(`]}`, many) + `}`,
		"list":    `{"Id":"1","X":[` + strings.Repeat("[],", 10*many) + `1]}`,
	} {
		t.Run(name, func(t *testing.T) {
			r := parse([]byte(raw))
			start := time.Now()
			event := encoder().Append(nil, blob, r)
			if took := time.Since(start); took > 30*time.Second {
				t.Errorf("a record of %d bytes took %v", len(raw), took)
			}
			if !json.Valid(event) {
				t.Error("the event is no JSON")
			}
		})
	}
}
