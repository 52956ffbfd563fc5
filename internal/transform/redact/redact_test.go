package redact_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/transform/redact"
)

const key = "0123456789abcdef0123456789abcdef"

// Hashes with that key.
const (
	ofAlice = "hmac-sha256:433deb45467e4e53dbaba594c88bc3a2"
)

func config(fields ...string) redact.Config {
	return redact.Config{Fields: fields, DLP: redact.Keep, Key: key}
}

func redactor(t testing.TB, c redact.Config) *redact.Redactor {
	t.Helper()
	rules, err := redact.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return rules.Redactor()
}

// read makes a record of its bytes, as the source does.
func read(t testing.TB, raw string) *audit.Record {
	t.Helper()
	r := &audit.Record{Raw: []byte(raw), Ordinal: 3}
	var members map[string]json.RawMessage
	if json.Unmarshal(r.Raw, &members) != nil {
		r.Malformed = "not an object"
		return r
	}
	for name, value := range members {
		f, ok := audit.FieldOf([]byte(name))
		if !ok {
			continue
		}
		r.Fields[f].Raw = value
		var text string
		if json.Unmarshal(value, &text) == nil {
			r.Fields[f].Text = []byte(text)
		} else if value[0] != '{' && value[0] != '[' {
			r.Fields[f].Text = value
		}
	}
	r.Created = time.Unix(1, 0)
	return r
}

var blob = audit.Blob{ID: "blob-1"}

// short puts # in the place of each hash.
func short(text string) string {
	for {
		i := strings.Index(text, "hmac-sha256:")
		if i < 0 {
			return text
		}
		text = text[:i] + "#" + text[i+len("hmac-sha256:")+32:]
	}
}

func TestFieldsAreHashedOrRemoved(t *testing.T) {
	for name, tc := range map[string]struct {
		fields    []string
		dlp       string
		raw, want string
	}{
		"nothing to do":             {[]string{"UserId"}, "", `{ "Id" : "1" , "a":[1,{"UserId":"x"}] }`, `{ "Id" : "1" , "a":[1,{"UserId":"x"}] }`},
		"hash":                      {[]string{"UserId"}, "", `{ "UserId" : "alice" ,"n":1.0}`, `{ "UserId" : "#" ,"n":1.0}`},
		"remove the first":          {[]string{"remove:a"}, "", `{ "a" : "x" , "b": 2 }`, `{ "b": 2 }`},
		"remove in the middle":      {[]string{"remove:b"}, "", `{"a":1 , "b":2 , "c":3}`, `{"a":1 , "c":3}`},
		"remove the last":           {[]string{"remove:c"}, "", "{\"a\":1,\n\"c\":{\"d\":[1]} }", `{"a":1 }`},
		"remove the first two":      {[]string{"remove:a", "remove:b"}, "", `{"a":1, "b":2, "c":3}`, `{ "c":3}`},
		"remove all":                {[]string{"remove:a", "remove:b"}, "", `{"a":1,"b":2}`, `{}`},
		"remove around":             {[]string{"remove:a", "remove:c"}, "", `{"a":1,"b":2,"c":3,"d":4}`, `{"b":2,"d":4}`},
		"hash behind removed":       {[]string{"remove:a", "b"}, "", `{"a":1,"b":"2","c":3}`, `{"b":"#","c":3}`},
		"letter case":               {[]string{"userid"}, "", `{"UserId":"a","USERID":"b","UserID":"c","User":"d"}`, `{"UserId":"#","USERID":"#","UserID":"#","User":"d"}`},
		"escapes in names":          {[]string{"UserId"}, "", `{"\u0055ser\u0049d":"a"}`, `{"\u0055ser\u0049d":"#"}`},
		"a name twice":              {[]string{"remove:UserId"}, "", `{"UserId":"a","x":1,"UserId":"b"}`, `{"x":1}`},
		"path":                      {[]string{"Item.ParentFolder.Path"}, "", `{"Item":{"ParentFolder":{"Path":"p","Id":1}},"Path":"q"}`, `{"Item":{"ParentFolder":{"Path":"#","Id":1}},"Path":"q"}`},
		"through arrays":            {[]string{"Actor.ID"}, "", `{"Actor":[{"ID":"a","Type":0},[{"ID":"b"}]]}`, `{"Actor":[{"ID":"#","Type":0},[{"ID":"#"}]]}`},
		"removed from arrays":       {[]string{"remove:Actor.ID"}, "", `{"Actor":[{"ID":"a","Type":0},{"ID":"b"}]}`, `{"Actor":[{"Type":0},{}]}`},
		"a whole object":            {[]string{"Actor"}, "", `{"Actor":[{"ID":"a","Type":0,"On":true,"x":null,"y":""}]}`, `{"Actor":[{"ID":"#","Type":"#","On":true,"x":null,"y":""}]}`},
		"numbers and truth":         {[]string{"a", "b", "c", "d"}, "", `{"a":12345678901234567890,"b":true,"c":null,"d":""}`, `{"a":"#","b":"#","c":null,"d":""}`},
		"entry of a list":           {[]string{"Parameters.Password"}, "", `{"Parameters":[{"Name":"Identity","Value":"a"},{"Value":"b","Name":"password"}]}`, `{"Parameters":[{"Name":"Identity","Value":"a"},{"Value":"#","Name":"password"}]}`},
		"entry removed":             {[]string{"remove:Parameters.Password"}, "", `{"Parameters":[{"Name":"Password","Value":"b"},{"Name":"Identity","Value":"a"}]}`, `{"Parameters":[{"Name":"Identity","Value":"a"}]}`},
		"old and new value":         {[]string{"ModifiedProperties.Mail"}, "", `{"ModifiedProperties":[{"Name":"Mail","NewValue":"a","OldValue":"b"}]}`, `{"ModifiedProperties":[{"Name":"Mail","NewValue":"#","OldValue":"#"}]}`},
		"a list with keys":          {[]string{"ExtraProperties.Secret"}, "", `{"ExtraProperties":[{"Key":"Secret","Value":"a"}]}`, `{"ExtraProperties":[{"Key":"Secret","Value":"#"}]}`},
		"a dot in a name":           {[]string{`ModifiedProperties.TargetId\.UserType`}, "", `{"ModifiedProperties":[{"Name":"TargetId.UserType","NewValue":"a"},{"Name":"TargetId","NewValue":"b"}]}`, `{"ModifiedProperties":[{"Name":"TargetId.UserType","NewValue":"#"},{"Name":"TargetId","NewValue":"b"}]}`},
		"within an entry":           {[]string{"ExtendedProperties.details.user"}, "", `{"ExtendedProperties":[{"Name":"details","Value":"{\"user\":\"a\",\"n\":1}"}]}`, `{"ExtendedProperties":[{"Name":"details","Value":"{\"user\":\"#\",\"n\":1}"}]}`},
		"a list that is a text":     {[]string{"Parameters.Password"}, "", `{"Parameters":"-Identity a -Password b"}`, `{"Parameters":"#"}`},
		"a text removed":            {[]string{"remove:Parameters.Password"}, "", `{"Parameters":"-Password b","x":1}`, `{"Parameters":null,"x":1}`},
		"JSON in a text":            {[]string{"Data.user"}, "", `{"Data":" {\"user\":\"\\u0061\\\"\",\"x\":\"é\"}"}`, `{"Data":" {\"user\":\"#\",\"x\":\"é\"}"}`},
		"JSON in a text, untouched": {[]string{"Data.nobody"}, "", `{"Data":"{\"user\" : \"a\"}"}`, `{"Data":"{\"user\" : \"a\"}"}`},
		"anywhere":                  {[]string{"**.ClientIP"}, "", `{"ClientIP":"a","x":[{"y":{"clientip":"b"}}],"P":[{"Name":"ClientIP","Value":"c"}],"D":"{\"ClientIP\":\"d\"}"}`, `{"ClientIP":"#","x":[{"y":{"clientip":"#"}}],"P":[{"Name":"ClientIP","Value":"#"}],"D":"{\"ClientIP\":\"#\"}"}`},
		"anywhere in half a text":   {[]string{"**.ClientIP"}, "", `{"D":"{\"ClientIP\":\"1.2.3","E":"{ClientInfo"}`, `{"D":"#","E":"{ClientInfo"}`},
		"JSON in JSON in a text":    {[]string{"**.ClientIP"}, "", `{"ModifiedProperties":[{"Name":"a","NewValue":"\"{\\\"ClientIP\\\":\\\"d\\\",\\\"n\\\": 1}\"","OldValue":"\"[]\""}]}`, `{"ModifiedProperties":[{"Name":"a","NewValue":"\"{\\\"ClientIP\\\":\\\"#\\\",\\\"n\\\": 1}\"","OldValue":"\"[]\""}]}`},
		"a path into it":            {[]string{"P.a.user"}, "", `{"P":[{"Name":"a","Value":"\"{\\\"user\\\":\\\"d\\\",\\\"n\\\":1}\""}]}`, `{"P":[{"Name":"a","Value":"\"{\\\"user\\\":\\\"#\\\",\\\"n\\\":1}\""}]}`},
		"a path into a mere text":   {[]string{"remove:P.user"}, "", `{"P":"\"a\"","p":"null"}`, `{"P":"null","p":"null"}`},
		"half of JSON in JSON":      {[]string{"remove:**.ClientIP"}, "", `{"a":"\"{\\\"ClientIP\\\":\\\"d\"","b":"\"{\\\"ClientIP\\\":","c":"\"said\" he"}`, `{"a":"null","b":null,"c":"\"said\" he"}`},
		"a byte order mark":         {[]string{"**.ClientIP"}, "", "{\"a\":\"\ufeff{\\\"ClientIP\\\":1}\",\"b\":\"\\ufeff\\r\\n [{\\\"ClientIP\\\":1}]\",\"c\":\"\u3000{\\\"ClientIP\\\":\",\"d\":\"\\ufeff\\u007b}\"}", "{\"a\":\"\ufeff{\\\"ClientIP\\\":\\\"#\\\"}\",\"b\":\"\ufeff\\r\\n [{\\\"ClientIP\\\":\\\"#\\\"}]\",\"c\":\"#\",\"d\":\"\\ufeff\\u007b}\"}"},
		"half a text, escaped name": {[]string{"**.Größe", `**.a\\b`}, "", `{"a":"{\"Gr\\u00F6\\u00dfe\":1","b":"{\"a\\\\b\":1","c":"{\"Gr\\u00f6\\uzzzzb\\u00\\"}`, `{"a":"#","b":"#","c":"{\"Gr\\u00f6\\uzzzzb\\u00\\"}`},
		"sensitive values removed":  {nil, redact.Remove, `{"PolicyDetails":[{"Rules":[{"ConditionsMatched":{"SensitiveInformation":[{"Count":1,"SensitiveInformationDetections":{"DetectedValues":[{"Name":"4111","Value":"c"}]}}]}}]}]}`, `{"PolicyDetails":[{"Rules":[{"ConditionsMatched":{"SensitiveInformation":[{"Count":1}]}}]}]}`},
		"sensitive values hashed":   {nil, redact.Hash, `{"x":{"SensitiveInformationDetections":{"DetectedValues":[{"Name":"4111","Value":"c"}],"ResultsTruncated":false}}}`, `{"x":{"SensitiveInformationDetections":{"DetectedValues":[{"Name":"#","Value":"#"}],"ResultsTruncated":false}}}`},
		"both":                      {[]string{"UserId", "remove:userId"}, "", `{"UserId":"a"}`, `{}`},
		"too deep":                  {[]string{"a." + strings.Repeat("b.", 70) + "c"}, "", `{"a":` + strings.Repeat(`{"b":`, 70) + `{"c":"mark"}` + strings.Repeat("}", 71), `{"a":` + strings.Repeat(`{"b":`, 63) + `"#"` + strings.Repeat("}", 64)},
	} {
		t.Run(name, func(t *testing.T) {
			c := config(tc.fields...)
			if tc.dlp != "" {
				c.DLP = tc.dlp
			}
			x := redactor(t, c)
			for range 2 { // its buffers are used again
				out := x.Record(blob, read(t, tc.raw))
				if diff := cmp.Diff(tc.want, short(string(out.Raw))); diff != "" {
					t.Error(diff)
				}
				again := redactor(t, c).Record(blob, read(t, string(out.Raw)))
				if diff := cmp.Diff(string(out.Raw), string(again.Raw)); diff != "" {
					t.Errorf("the second time (-first +second):\n%s", diff)
				}
			}
		})
	}
}

func TestFieldsOfTheRecordFollow(t *testing.T) {
	x := redactor(t, config("UserId", "remove:ClientIP", "CreationTime", "ObjectId.x", "Workload"))
	r := read(t, `{"Id":"1","UserId":"alice","ClientIP":"1.2.3.4","CreationTime":"2026-01-01T00:00:00","ObjectId":{"x":"a"},"Workload":"","Operation":"O"}`)
	out := x.Record(blob, r)
	want := map[audit.Field]string{
		audit.FieldID: `"1" 1`, audit.FieldUserID: `"#" #`, audit.FieldClientIP: " ", audit.FieldCreationTime: `"#" #`,
		audit.FieldObjectID: `{"x":"#"} `, audit.FieldWorkload: `"" `, audit.FieldOperation: `"O" O`,
	}
	for f, w := range want {
		if got := short(string(out.Fields[f].Raw)) + " " + short(string(out.Fields[f].Text)); got != w {
			t.Errorf("field %d is %s, want %s", f, got, w)
		}
	}
	if !out.Created.IsZero() || out.Ordinal != 3 {
		t.Errorf("created %s, ordinal %d", out.Created, out.Ordinal)
	}
	if string(r.Text(audit.FieldUserID)) != "alice" {
		t.Error("the record itself was changed")
	}
}

// A hash is what others compute with the key, so that they can look for a value that they know.
func TestHashIsHMAC(t *testing.T) {
	x := redactor(t, config("UserId", "Actor.ID", "n"))
	out := string(x.Record(blob, read(t, `{"UserId":"alice","Actor":[{"ID":"\u0061lice"}],"n":7,"m":8}`)).Raw)
	// printf %s alice | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef | cut -c -32
	if strings.Count(out, ofAlice) != 2 {
		t.Errorf("%s lacks %s", out, ofAlice)
	}
}

func TestWhatCannotBeRedactedIsReferredTo(t *testing.T) {
	many := `{"a":0` + strings.Repeat(`,"mark":1`, 70_000) + `}`
	for name, raw := range map[string]string{"text": `"mark"`, "array": `["mark"]`, "number": `4111`, "cut": `{"UserId":"mark`, "many": many} {
		t.Run(name, func(t *testing.T) {
			out := redactor(t, config("UserId")).Record(blob, read(t, raw))
			var value struct {
				Content string `json:"content_id"`
				Ordinal int    `json:"ordinal"`
				SHA256  string `json:"sha256"`
			}
			if err := json.Unmarshal(out.Raw, &value); err != nil || value.Content != blob.ID || value.Ordinal != 3 || len(value.SHA256) != 64 {
				t.Errorf("%s, %v", out.Raw, err)
			}
			if strings.Contains(string(out.Raw), "mark") || out.Malformed == "" || !out.Created.IsZero() {
				t.Errorf("%+v", out)
			}
		})
	}
}

func TestNoRulesNoWork(t *testing.T) {
	x := redactor(t, redact.Config{DLP: redact.Keep})
	if x != nil {
		t.Fatal("there is a redactor without a rule")
	}
	if r := read(t, "rubbish"); x.Record(blob, r) != r {
		t.Error("the record is another one")
	}
}
