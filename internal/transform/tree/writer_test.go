package tree_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"o365-kafka-connector/internal/transform/tree"
)

func TestWriterLeavesOutWhatIsEmpty(t *testing.T) {
	x := parse(t, `{"a":[1,{"b":"c"}]}`)
	var w tree.Writer
	w.Reset([]byte("before"))
	w.Object("")
	w.Text("none", nil)
	w.Object("empty")
	w.Array("deeper")
	w.Close()
	w.Value("missing", x, x.Get(x.Root(), "z"))
	w.Constant("blank", "")
	w.Close()
	w.Text("text", []byte("\"\\\n\x01\xff"))
	w.Object("event")
	w.Int("severity", -3)
	w.Array("category")
	w.Constant("", "web")
	w.Constant("", "file")
	w.Bool("", true)
	w.Close()
	w.Value("copy", x, x.Get(x.Root(), "a"))
	w.Close()
	w.NameText([]byte("a\"b\xff"))
	w.Append([]byte("null"))
	w.Close()
	want := `before{"text":"\"\\\n\u0001\ufffd","event":{"severity":-3,"category":["web","file",true],"copy":[1,{"b":"c"}]},"a\"b\ufffd":null}`
	if got := string(w.Bytes()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	w.Reset(nil)
	w.Object("")
	w.Close()
	if got := string(w.Bytes()); got != "{}" {
		t.Errorf("an empty value is %q, want {}", got)
	}
}

func TestNamesFindsWhatItHas(t *testing.T) {
	var s tree.Names
	for round := range 2 {
		for i := range 10_000 {
			number, found := s.Add([]byte(fmt.Sprint("name", i%5000)), uint32(i))
			if found != (i >= 5000) || number != i%5000 {
				t.Fatalf("round %d: name %d has number %d, %v", round, i, number, found)
			}
		}
		if s.Len() != 5000 || string(s.Name(4321)) != "name4321" || s.Value(4321) != 4321 {
			t.Fatalf("%d names, one of them %s", s.Len(), s.Name(4321))
		}
		s.Reset()
	}
}

func FuzzWriterString(f *testing.F) {
	f.Add([]byte("a\"\\\x00\xff\u2028"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var w tree.Writer
		w.Object("")
		w.Text("a", text)
		w.Close()
		if !json.Valid(w.Bytes()) {
			t.Fatalf("%q became %q", text, w.Bytes())
		}
	})
}
