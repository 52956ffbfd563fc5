package tree_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/transform/tree"
)

func parse(t testing.TB, text string) *tree.Tree {
	t.Helper()
	var parsed tree.Tree
	if err := parsed.Parse([]byte(text)); err != nil {
		t.Fatalf("Parse(%.100q): %v", text, err)
	}
	return &parsed
}

// TestTextsAreResolvedOnce asks many times, and mixed, for texts that do not stand in the text as they are.
func TestTextsAreResolvedOnce(t *testing.T) {
	long := strings.Repeat("x", 1<<16)
	var x tree.Tree
	for _, text := range []string{
		`{"a":"\"` + long + `","b":"c\nd","e":"f"}`,
		`{"e":"\u0066","b":"c\u000ad","a":"` + long + `","g":"\n"}`,
		"{\"b\":\"\xff\",\"a\":\"" + long + "\",\"e\":\"f\"}",
	} {
		if err := x.Parse([]byte(text)); err != nil {
			t.Fatal(err)
		}
		var want map[string]string
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		second := map[string][]byte{} // by then all are resolved, and what holds them moves no more
		for round := range 3 {
			for name, w := range want {
				got := x.Text(x.Get(x.Root(), name))
				if string(got) != w {
					t.Fatalf("text of %s in %.60q is %.60q, want %.60q", name, text, got, w)
				}
				if round == 2 && &second[name][0] != &got[0] {
					t.Errorf("%s in %.60q was resolved again", name, text)
				}
				second[name] = got
			}
		}
	}
}

func TestLookUp(t *testing.T) {
	x := parse(t, ` {"Id":"a\u0062c\n","RecordType":50,"User\u0049d":"x@y","Big":12345678901234567890123,"Empty":{},
		"List":[1,"two",null,{"Name":"n","Value":[true,false]}],"Null":null,"Digits":"42","Low":"-9223372036854775808"} `)
	root := x.Root()
	for name, want := range map[string]string{
		"Id": "abc\n", "RecordType": "50", "UserId": "x@y", "Big": "12345678901234567890123", "List": "", "Null": "", "None": "",
	} {
		if got := string(x.Text(x.Get(root, name))); got != want {
			t.Errorf("text of %s = %q, want %q", name, got, want)
		}
	}
	list := x.Get(root, "List")
	var kinds []tree.Kind
	for n := x.First(list); n != tree.None; n = x.Next(n) {
		kinds = append(kinds, x.Kind(n))
	}
	if diff := cmp.Diff([]tree.Kind{tree.Number, tree.String, tree.Null, tree.Object}, kinds); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
	if x.Len(list) != 4 || x.Len(x.Get(root, "Empty")) != 0 || x.First(x.Get(root, "Id")) != tree.None || x.Len(root) != 9 {
		t.Error("lengths are wrong")
	}
	if got := string(x.Raw(list)); got != `[1,"two",null,{"Name":"n","Value":[true,false]}]` {
		t.Errorf("raw = %s", got)
	}
	if x.Next(root) != tree.None || x.Next(tree.None) != tree.None || x.First(tree.None) != tree.None {
		t.Error("something follows where nothing is")
	}
	for name, want := range map[string]int64{"RecordType": 50, "Digits": 42, "Low": -1 << 63} {
		if got, ok := x.Int(x.Get(root, name)); !ok || got != want {
			t.Errorf("integer %s = %d, %v; want %d", name, got, ok, want)
		}
	}
	for _, name := range []string{"Big", "Id", "List", "Null", "None"} {
		if got, ok := x.Int(x.Get(root, name)); ok {
			t.Errorf("integer %s = %d, want none", name, got)
		}
	}
}

func TestTextsAreValid(t *testing.T) {
	for text, want := range map[string]string{
		`"\ud83d\ude00\u00e9\b\f\n\r\t\/\\\""`: "\U0001F600é\b\f\n\r\t/\\\"",
		`"\ud800x"`:                            "\uFFFDx",
		`"\ud800\uD83D\uDE00"`:                 "\uFFFD\U0001F600",
		`"\ude00\ud83d"`:                       "\uFFFD\uFFFD",
		`"\ud83d\u0041"`:                       "\uFFFDA",
		"\"a\xff\xc3b\"":                       "a\uFFFD\uFFFDb",
	} {
		x := parse(t, text)
		if got := string(x.Text(x.Root())); got != want {
			t.Errorf("text of %q = %q, want %q", text, got, want)
		}
		out := x.AppendValue(nil, x.Root())
		var got string
		if err := json.Unmarshal(out, &got); err != nil || got != want || !utf8.Valid(out) || bytes.Contains(bytes.ToLower(out), []byte(`\ud8`)) {
			t.Errorf("%q became %q", text, out)
		}
	}
}

func TestNothingIsAskedInVain(t *testing.T) {
	var x tree.Tree
	if x.Root() != tree.None || x.Kind(7) != tree.Missing || x.Get(tree.None, "a") != tree.None || x.Text(3) != nil ||
		len(x.Raw(tree.None)) != 0 || len(x.Name(tree.None)) != 0 || x.Opaque(tree.None) {
		t.Error("an empty tree says something")
	}
	if err := x.Parse([]byte(`{"a":1`)); err == nil || x.Root() != tree.None {
		t.Errorf("after a text that is cut: %v, root %v", err, x.Root())
	}
	y := parse(t, `{"a":1}`)
	if y.Get(y.Get(y.Root(), "a"), "b") != tree.None || y.First(y.Get(y.Root(), "a")) != tree.None {
		t.Error("a number has members")
	}
}

func TestOfMembersWithTheSameNameTheLastCounts(t *testing.T) {
	x := parse(t, `{"a":{"b":1},"c":2,"\u0061":[3],"c":4,"d":{"e":1,"e":2,"e":3}}`)
	if got, want := string(x.AppendValue(nil, x.Root())), `{"a":[3],"c":4,"d":{"e":3}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := string(x.Raw(x.Get(x.Root(), "c"))); got != "4" {
		t.Errorf("c = %s, want 4", got)
	}
	var many strings.Builder
	many.WriteString(`{"first":0`)
	for i := range 3000 {
		fmt.Fprintf(&many, `,"name%d":%d`, i%1000, i)
	}
	many.WriteString(`}`)
	x = parse(t, many.String())
	if n := x.Len(x.Root()); n != 1001 {
		t.Errorf("%d members, want 1001", n)
	}
	if got := string(x.Raw(x.Get(x.Root(), "name7"))); got != "2007" {
		t.Errorf("name7 = %s, want 2007", got)
	}
}

func TestDepthAndWidthAreBounded(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	x := parse(t, nested(tree.MaxDepth))
	if strings.Contains(string(x.AppendValue(nil, x.Root())), `"`) {
		t.Errorf("%d levels are not taken apart", tree.MaxDepth)
	}
	x = parse(t, nested(1_000_000))
	out := x.AppendValue(nil, x.Root())
	if !json.Valid(out) || !bytes.Contains(out, []byte(`"[[[[`)) {
		t.Errorf("a million levels became %.100s", out)
	}
	wide := `{"a":[` + strings.Repeat("1,", tree.MaxNodes) + `1],"b":{"c":[2]}}`
	x = parse(t, wide)
	if a := x.Get(x.Root(), "a"); !x.Opaque(a) || x.Kind(a) != tree.Array || x.First(a) != tree.None {
		t.Error("a wide array is not opaque")
	}
	if got := string(x.Raw(x.First(x.Get(x.Get(x.Root(), "b"), "c")))); got != "2" {
		t.Errorf("what follows a wide array reads %q", got)
	}
	if !json.Valid(x.AppendValue(nil, x.Root())) {
		t.Error("a wide array is not written as JSON")
	}
	if err := x.Parse([]byte(`[` + strings.Repeat("1,", tree.MaxNodes) + `1]`)); !errors.Is(err, tree.ErrTooLarge) {
		t.Errorf("error %v, want %v", err, tree.ErrTooLarge)
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	text := []byte(`{"Id":"1","User\u0049d":"\ud83d\ude00 \n","List":[{"Name":"a","Value":"b"},{"Name":"c","Value":1.5e3}]}`)
	var x tree.Tree
	var out []byte
	n := testing.AllocsPerRun(100, func() {
		if x.Parse(text) != nil {
			t.Fatal("no JSON")
		}
		_ = x.Text(x.Get(x.Root(), "UserId"))
		out = x.AppendValue(out[:0], x.Root())
	})
	if n != 0 {
		t.Errorf("%v allocations for a text, want none", n)
	}
}

// FuzzTree compares with encoding/json.
func FuzzTree(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,-0.5e+10,"x\u00e9\ud83d\ude00\ud800y\\\/\b\f\n\r\t"],"a":null,"":{"b":true}}`, "[\"\xff\xc3\"]", `{"\ud800":1,"\ufffd":2}`,
		` [ ] `, `{"a" : {} , "b":[{},[]]}`, `01`, `-`, `1.`, `1e`, `"\u12"`, `"a`, `{"a"}`, `[1,]`, `{"a":1,}`, `tru`, `nullx`, "\"\x01\"", `[[[[[[`,
		strings.Repeat(`[`, 70) + strings.Repeat(`]`, 70), `{"a":1}{}`, ``,
	} {
		f.Add([]byte(s))
	}
	var x tree.Tree
	f.Fuzz(func(t *testing.T, text []byte) {
		err := x.Parse(text)
		if deep := opaque(&x, x.Root()); deep {
			if !json.Valid(x.AppendValue(nil, x.Root())) {
				t.Fatalf("no JSON: %q", text)
			}
			return
		}
		if valid := json.Valid(text); valid != (err == nil) {
			t.Fatalf("Parse(%q) = %v, encoding/json says valid: %v", text, err, valid)
		}
		if err != nil {
			return
		}
		out := x.AppendValue(nil, x.Root())
		if !reflect.DeepEqual(decode(t, text), decode(t, out)) || bytes.ContainsAny(out, "\n\r") {
			t.Fatalf("%q became %q", text, out)
		}
		if again := x.AppendValue(nil, x.Root()); !bytes.Equal(out, again) {
			t.Fatalf("%q, and then %q", out, again)
		}
		compare(t, &x, x.Root(), decode(t, text))
	})
}

// compare asks the tree for all that encoding/json found.
func compare(t *testing.T, x *tree.Tree, n tree.Node, want any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		if x.Len(n) != len(want) {
			t.Fatalf("%d members, want %d", x.Len(n), len(want))
		}
		for name, value := range want {
			compare(t, x, x.Get(n, name), value)
		}
	case []any:
		c := x.First(n)
		for _, value := range want {
			compare(t, x, c, value)
			c = x.Next(c)
		}
	case string:
		if got := string(x.Text(n)); got != want {
			t.Fatalf("text %q, want %q", got, want)
		}
	case json.Number:
		if got := string(x.Text(n)); got != want.String() {
			t.Fatalf("number %q, want %q", got, want)
		}
	}
}

func opaque(x *tree.Tree, n tree.Node) bool {
	for c := x.First(n); c != tree.None; c = x.Next(c) {
		if opaque(x, c) {
			return true
		}
	}
	return x.Opaque(n)
}

func decode(t testing.TB, text []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return v
}

func BenchmarkParse(b *testing.B) {
	text := []byte(`{"CreationTime":"2026-11-23T09:12:44","Id":"7b1c2f0e-56a1-4d0b-8d5c-0f4d1a2b3c4d","Operation":"UserLoggedIn",` +
		`"OrganizationId":"11111111-1111-1111-1111-111111111111","RecordType":15,"ResultStatus":"Success","UserType":0,"Version":1,` +
		`"Workload":"AzureActiveDirectory","ClientIP":"198.51.100.27","UserId":"megan.bowen@contoso.example","ExtendedProperties":` +
		`[{"Name":"ResultStatusDetail","Value":"Redirect"},{"Name":"UserAgent","Value":"Mozilla/5.0 (Windows NT 10.0; Win64; x64)"},` +
		`{"Name":"RequestType","Value":"OAuth2:Authorize"}],"ModifiedProperties":[],"Actor":[{"ID":"5f0e9a3c-2d41-4c7e-9a55-6b7c8d9e0f10",` +
		`"Type":0},{"ID":"megan.bowen@contoso.example","Type":5}],"ErrorNumber":"0"}`)
	var x tree.Tree
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if err := x.Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}
