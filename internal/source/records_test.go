package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/audit"
)

// decode returns copies of all raw records.
func decode(body io.Reader) ([]string, error) {
	d := newDecoder(body, false)
	defer d.release()
	var out []string
	for r, err := range d.records() {
		if err != nil {
			return out, err
		}
		out = append(out, string(r.Raw))
	}
	return out, nil
}

func TestRecordsAreCutOutByteForByte(t *testing.T) {
	elements := []string{
		`{"Id":"1","CreationTime":"2026-01-02T03:04:05"}`,
		"{ \"Id\" : \"2\",\n\t\"a\": [1, {\"Id\":\"nested\"} ] }",
		`{}`, `17`, `"text"`, `null`, `[[]]`, `-1.5e+10`,
		"{\"bad utf8\":\"\xff\xfe\",\"bad utf8\":1}",
		`{"Id":"` + strings.Repeat("long ", 20_000) + `"}`,
		`{"\u0049d":"escaped name"}`,
	}
	bodies := map[string]string{
		"tight": "[" + strings.Join(elements, ",") + "]",
		"loose": "\xef\xbb\xbf \n[ " + strings.Join(elements, " \r\n, ") + " ]\n ",
	}
	for name, body := range bodies {
		for _, reader := range []io.Reader{strings.NewReader(body), &chopped{body: []byte(body), step: 7}, iotest.DataErrReader(strings.NewReader(body))} {
			got, err := decode(reader)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if diff := cmp.Diff(elements, got); diff != "" {
				t.Errorf("%s: -want +got\n%s", name, diff)
			}
		}
	}
}

func TestFields(t *testing.T) {
	body := `[{"CreationTime":"2026-11-22T10:11:12.5Z","id":"wrong case","Id":"first","Id":"l\u0061st","RecordType":15,
		"Operation":"Set-\"X\"","Workload":null,"UserType":"2","ClientIP":{"Operation":"nested"},"\u0055serId":"a@b","Scope":-1,"ResultStatus":""}]`
	d := newDecoder(strings.NewReader(body), false)
	defer d.release()
	for r, err := range d.records() {
		if err != nil {
			t.Fatal(err)
		}
		want := map[audit.Field]string{
			audit.FieldCreationTime: "2026-11-22T10:11:12.5Z", audit.FieldID: "last", audit.FieldRecordType: "15",
			audit.FieldOperation: `Set-"X"`, audit.FieldUserType: "2", audit.FieldUserID: "a@b", audit.FieldScope: "-1",
		}
		for f := range audit.FieldCount {
			if got := string(r.Text(f)); got != want[f] {
				t.Errorf("field %d: %q, want %q", f, got, want[f])
			}
		}
		if got := string(r.Fields[audit.FieldID].Raw); got != `"l\u0061st"` {
			t.Errorf("raw Id %s", got)
		}
		if got := string(r.Fields[audit.FieldWorkload].Raw); got != "null" || r.Text(audit.FieldWorkload) != nil {
			t.Errorf("raw Workload %s", got)
		}
		if r.Fields[audit.FieldUserKey].Raw != nil || r.Text(audit.FieldResultStatus) == nil {
			t.Error("a missing member has a value, or an empty one has none")
		}
		if want := time.Date(2026, 11, 22, 10, 11, 12, 5e8, time.UTC); !r.Created.Equal(want) || r.Malformed != "" {
			t.Errorf("created %s, malformed %q", r.Created, r.Malformed)
		}
	}
}

func TestMalformedRecordsArePassedOn(t *testing.T) {
	for element, want := range map[string]string{
		`17`: notAnObject, `["Id"]`: notAnObject,
		`{}`: noID, `{"Id":"","CreationTime":"2026-01-02T03:04:05"}`: noID, `{"Id":null,"CreationTime":"2026-01-02T03:04:05"}`: noID,
		`{"Id":"1"}`: noCreatedTime, `{"Id":"1","CreationTime":"yesterday"}`: noCreatedTime, `{"Id":"1","CreationTime":"2026-02-30T00:00:00"}`: noCreatedTime,
		`{"Id":"1","CreationTime":"2026-01-02T03:04:05"}`: "", `{"Id":7,"CreationTime":"2026-01-02T03:04:05+01:00"}`: "",
	} {
		d := newDecoder(strings.NewReader("["+element+"]"), false)
		n := 0
		for r, err := range d.records() {
			if n++; err != nil || r.Malformed != want || string(r.Raw) != element {
				t.Errorf("%s: malformed %q, want %q, error %v", element, r.Malformed, want, err)
			}
		}
		if n != 1 {
			t.Errorf("%s: %d records", element, n)
		}
		d.release()
	}
}

func TestBadBodies(t *testing.T) {
	for _, body := range []string{"", " ", "x", "{}", `"a"`, "[", "[1", "[1,", "[1]]", "[1] 2", "[1 2]", "[,]", "[1,]", `[{"a"}]`, `[{"a":"\q"}]`, "[\"\x01\"]", "[01]", "\xef\xbb["} {
		if got, err := decode(strings.NewReader(body)); err == nil {
			t.Errorf("%q: no error, records %q", body, got)
		}
	}
	if got, err := decode(strings.NewReader("[]")); err != nil || len(got) > 0 {
		t.Errorf("empty array: %q, %v", got, err)
	}
	deep := "[" + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + "]"
	if _, err := decode(strings.NewReader(deep)); err == nil {
		t.Error("20,000 levels: no error")
	}
}

func TestEndlessRecordIsRefused(t *testing.T) {
	endless := io.MultiReader(strings.NewReader(`[{"a":"`), &repeat{left: 5 << 20}, strings.NewReader(`"}]`))
	d := newDecoder(endless, false)
	d.in.limit = 4 << 20
	for _, err := range d.records() {
		if !errors.Is(describe(err), errTooLong) {
			t.Errorf("error %v", err)
		}
	}
}

type repeat struct{ left int }

func (r *repeat) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, io.EOF
	}
	n := min(len(p), r.left)
	for i := range p[:n] {
		p[i] = 'x'
	}
	r.left -= n
	return n, nil
}

func TestMemoryDoesNotGrowWithTheBody(t *testing.T) {
	d := newDecoder(bytes.NewReader(sample(20_000)), true)
	n := 0
	for _, err := range d.records() {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	if n != 20_000 || cap(d.in.buf) > 2*readSize {
		t.Errorf("%d records, a buffer of %d bytes", n, cap(d.in.buf))
	}
	d.release()
}

// FuzzRecords compares with the standard library: the same bodies are good, and their elements have the same bytes.
func FuzzRecords(f *testing.F) {
	f.Add([]byte(`[{"Id":"1","CreationTime":"2026-01-02T03:04:05"}, 2 ,"x"]`), uint8(3))
	f.Add([]byte("\xef\xbb\xbf[]"), uint8(1))
	f.Add([]byte(`[{"\u0049d":"\ud800","Id":1e5}]`), uint8(7))
	f.Add([]byte(`[{"a":[{"b":"]},"}]}] `), uint8(255))
	f.Add([]byte(`{"error":{"code":"AF50000"}}`), uint8(9))
	f.Fuzz(func(t *testing.T, body []byte, step uint8) {
		var want []json.RawMessage
		wantErr := json.Unmarshal(bytes.TrimPrefix(body, bom), &want)
		if bytes.HasPrefix(bytes.TrimSpace(bytes.TrimPrefix(body, bom)), []byte("null")) {
			return // the standard library takes null for an array
		}
		got, err := decode(&chopped{body: body, step: max(1, int(step))})
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("error %v, the standard library's %v", err, wantErr)
		}
		if err != nil {
			return
		}
		if len(got) != len(want) {
			t.Fatalf("%d records, want %d", len(got), len(want))
		}
		for i := range want {
			if got[i] != string(want[i]) {
				t.Errorf("record %d: %q, want %q", i, got[i], want[i])
			}
		}
	})
}

// chopped is a body that arrives in pieces.
type chopped struct {
	body []byte
	step int
}

func (c *chopped) Read(p []byte) (int, error) {
	if len(c.body) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.body[:min(c.step, len(c.body))])
	c.body = c.body[n:]
	return n, nil
}

// sample returns a blob of n records of about 1.5 kB.
func sample(n int) []byte {
	var b bytes.Buffer
	b.WriteByte('[')
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"CreationTime":"2026-11-22T10:%02d:%02d","Id":"8f3c1c1e-%04d-4d4b-9d0b-08dc4d1c7f1a","Operation":"UserLoggedIn","OrganizationId":"11111111-1111-1111-1111-111111111111","RecordType":15,"ResultStatus":"Success","UserKey":"10032001a2b3c4d5","UserType":0,"Version":1,"Workload":"AzureActiveDirectory","ClientIP":"203.0.113.%d","ObjectId":"00000002-0000-0000-c000-000000000000","UserId":"user%d@contoso.example","AzureActiveDirectoryEventType":1,"ExtendedProperties":[{"Name":"ResultStatusDetail","Value":"Success"},{"Name":"UserAgent","Value":"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"},{"Name":"RequestType","Value":"OAuth2:Authorize"},{"Name":"additionalDetails","Value":"{\"a\":\"b\",\"c\":\"d\"}"}],"ModifiedProperties":[],"Actor":[{"ID":"0f2c1a4e-7b1d-4b1e-8a65-0123456789ab","Type":0},{"ID":"user%d@contoso.example","Type":5}],"ActorContextId":"11111111-1111-1111-1111-111111111111","ActorIpAddress":"203.0.113.%d","InterSystemsId":"0f2c1a4e-7b1d-4b1e-8a65-0123456789ab","IntraSystemId":"0f2c1a4e-7b1d-4b1e-8a65-0123456789ab","SupportTicketId":"","Target":[{"ID":"00000002-0000-0000-c000-000000000000","Type":0}],"TargetContextId":"11111111-1111-1111-1111-111111111111","ApplicationId":"1fec8e78-bce4-4aaf-ab1b-5451cc387264","DeviceProperties":[{"Name":"OS","Value":"Windows10"},{"Name":"BrowserType","Value":"Chrome"},{"Name":"SessionId","Value":"%s"}],"ErrorNumber":"0"}`,
			i%60, (i/60)%60, i, i%250, i, i, i%250, strings.Repeat("ab", 40))
	}
	b.WriteByte(']')
	return b.Bytes()
}

func BenchmarkRecords(b *testing.B) {
	body := sample(1000)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		d := newDecoder(bytes.NewReader(body), false)
		n := 0
		for _, err := range d.records() {
			if n++; err != nil {
				b.Fatal(err)
			}
		}
		d.release()
		if n != 1000 {
			b.Fatal(n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/record")
}
