package ocsf_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/transform/ocsf"
)

// oddRecords are what no schema foresees.
func oddRecords() map[string]string {
	record := func(members string) string {
		return `{"Id":"1","CreationTime":"2026-11-23T09:00:00","Operation":"UserLoggedIn","RecordType":15,` + members + `}`
	}
	return map[string]string{
		"nothing else":       record(`"Workload":"AzureActiveDirectory"`),
		"deep":               record(`"ExtendedProperties":` + strings.Repeat(`[{"Name":`, 3000) + `1` + strings.Repeat(`}]`, 3000)),
		"long":               record(`"UserId":"` + strings.Repeat("ü", 1<<19) + `"`),
		"many members":       record(manyMembers(70_000)),
		"many elements":      record(`"Target":[` + strings.Repeat(`{"Type":5},`, 50_000) + `{"Type":5,"ID":"x"}]`),
		"twice":              record(`"UserId":"first","UserId":"second","\u0055serId":"third"`),
		"lone surrogates":    record(`"UserId":"a\ud800b","\udfff":1,"ObjectId":"\ud83d\ude00"`),
		"no UTF-8":           record("\"UserId\":\"M\xfcller\",\"x\xff\":[\"\xc3\"]"),
		"long numbers":       record(`"ObjectId":12345678901234567890123,"Big":-98765432109876543210.123e-400,"RecordType":99999999999999999999`),
		"all of other types": record(`"UserId":[1],"UserKey":{},"UserType":{"a":1},"ClientIP":7,"Workload":null,"ResultStatus":[],"ObjectId":true,"OrganizationId":0.5,"Version":[[]],"ApplicationId":{"x":[]},"DeviceProperties":"none","ExtendedProperties":{"UserAgent":["x"]},"ErrorNumber":{},"LogonError":[]`),
		"operation of 1 MB":  `{"Id":"1","CreationTime":"2026-11-23T09:00:00","RecordType":2,"Operation":"` + strings.Repeat("Send", 1<<18) + `"}`,
		"addresses":          record(`"ClientIP":"[::ffff:203.0.113.7]:443","ActorIpAddress":"198.51.100.1:99","UserId":"a@b@c.d"`),
		"controls":           record(`"UserId":"\u0000\u001f\u007f","ObjectId":"` + "\u2028" + `\\\"\/"`),
		"over many lines":    "{\"Id\":\"1\",\n\r\"CreationTime\":\"2026-11-23T09:00:00\",\"A\":[\n1,\n{\"b\":\r\n2}]}",
		"far time":           `{"Id":"1","CreationTime":"9999-12-31T23:59:59-23:59","Operation":"x"}`,
		"first time":         `{"Id":"1","CreationTime":"0001-01-01T00:00:01+23:00","Operation":"x"}`,
		"no object":          `[1,2]`,
		"a number":           `5`,
		"null":               `null`,
		"nothing":            `{}`,
		"no time":            `{"Id":"1","Operation":"Add user.","RecordType":8,"Target":[{"ID":"a@b.example","Type":5}]}`,
		"time that is none":  `{"Id":"1","CreationTime":"NaN","Operation":"x"}`,
	}
}

func manyMembers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"m%d":%d,`, i, i)
	}
	return b.String() + `"UserId":"last"`
}

func TestWhateverTheRecordIsTheEventConforms(t *testing.T) {
	for name, text := range oddRecords() {
		t.Run(name, func(t *testing.T) {
			r := parse([]byte(text))
			for _, o := range []ocsf.Options{{Stream: stream}, {Stream: stream, RawData: true}, {}} {
				start := time.Now()
				event := ocsf.NewEncoder(o).Append(nil, blob, r)
				if took := time.Since(start); took > 2*time.Second {
					t.Errorf("it took %v", took)
				}
				if _, err := conforms(event); err != nil {
					t.Fatalf("%.3000v", err)
				}
			}
		})
	}
}

func TestNothingOfARecordIsLost(t *testing.T) {
	records := oddRecords()
	for name, wants := range map[string][]string{
		"twice":              {`"name":"third"`},
		"lone surrogates":    {"\"name\":\"a\ufffdb\"", "\"\ufffd\":1"},
		"long numbers":       {`"name":"12345678901234567890123"`, `"Big":-98765432109876543210.123e-400`, `"event_code":"99999999999999999999"`},
		"all of other types": {`"UserId":[1]`, `"UserType":{"a":1}`, `"ClientIP":7`, `"ObjectId":true`, `"DeviceProperties":"none"`, `{"UserAgent":["x"]}`, `"tenant_uid":"0.5"`},
		"addresses":          {`"src_endpoint":{"ip":"203.0.113.7","port":443}`, `"ActorIpAddress":"198.51.100.1:99"`, `"name":"a@b@c.d"`},
		"no time":            {`"time":1795428900000`, `"raw_data":`, `"class_uid":6003`},
		"no object":          {`"raw_data":"[1,2]"`, `"time":1795428900000`},
		"over many lines":    {`"A":[1,{"b":2}]`},
		"many members":       {`"raw_data":`, `"uid":"1"`, `"operation":"UserLoggedIn"`},
	} {
		event := ocsf.NewEncoder(options).Append(nil, blob, parse([]byte(records[name])))
		for _, want := range wants {
			if !bytes.Contains(event, []byte(want)) {
				t.Errorf("%s: the event lacks %s: %.2000s", name, want, event)
			}
		}
	}
}

// TestEncoderForgets makes events of records in turn: none has anything of the one before.
func TestEncoderForgets(t *testing.T) {
	records := golden(t)
	e := ocsf.NewEncoder(options)
	for range 3 {
		for name, r := range records { // in any order
			fresh := ocsf.NewEncoder(options).Append(nil, blob, r)
			if got := e.Append(nil, blob, r); !bytes.Equal(got, fresh) {
				t.Fatalf("%s:\n%s\nwant\n%s", name, got, fresh)
			}
		}
	}
}

// TestTextsWithinOneRecordAreNotThoseOfTheNext has two records that differ in the JSON within a text only.
func TestTextsWithinOneRecordAreNotThoseOfTheNext(t *testing.T) {
	e := ocsf.NewEncoder(options)
	for _, user := range []string{"a@b.example", "c@d.example", "e@f.example"} {
		r := fmt.Sprintf(`{"Id":"1","CreationTime":"2026-11-23T09:00:00","Operation":"AlertTriggered","RecordType":40,"Data":%q}`,
			`{"etype":"User","eid":"`+user+`"}`)
		if event := e.Append(nil, blob, parse([]byte(r))); !bytes.Contains(event, []byte(`"evidences":[{"user":{"name":"`+user)) {
			t.Errorf("the event of %s: %s", user, event)
		}
	}
}

// FuzzEvent holds the event of any record against its schema.
func FuzzEvent(f *testing.F) {
	for _, r := range golden(f) {
		f.Add(r.Raw)
	}
	for _, text := range oddRecords() {
		if len(text) < 1<<10 {
			f.Add([]byte(text))
		}
	}
	e := ocsf.NewEncoder(options)
	f.Fuzz(func(t *testing.T, text []byte) {
		if !json.Valid(text) {
			text = fmt.Appendf(nil, `{"Id":"1","CreationTime":"2026-11-23T09:00:00","Operation":"x","UserId":%s}`, quoted(text))
		}
		for _, r := range []*audit.Record{parse(text), {Raw: text, Malformed: "for the sake of it"}} {
			event := e.Append(nil, blob, r)
			if _, err := conforms(event); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// quoted makes a text a string in JSON, with what is no UTF-8 in it.
func quoted(text []byte) []byte {
	q, err := json.Marshal(string(text))
	if err != nil {
		panic(err)
	}
	return q
}
