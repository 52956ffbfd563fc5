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

	"github.com/google/go-cmp/cmp"
)

// read writes what Lines yields, one a line.
func read(t testing.TB, text io.Reader) string {
	t.Helper()
	var out strings.Builder
	for l, err := range Lines(text) {
		switch {
		case err != nil:
			fmt.Fprintf(&out, "%d error: %v\n", l.Number, err)
		case l.Blank:
			fmt.Fprintf(&out, "%d blank\n", l.Number)
		case l.Err != nil:
			fmt.Fprintf(&out, "%d %s: %v: %q\n", l.Number, l.Malformed, l.Err, l.Raw)
		default:
			fmt.Fprintf(&out, "%d #%d %s%s\n", l.Number, l.Ordinal, l.Raw, strings.TrimSuffix(" "+l.Malformed, " "))
		}
	}
	return out.String()
}

const good = `{"Id":"%d","CreationTime":"2026-11-23T09:12:44"}`

func TestLines(t *testing.T) {
	one, two := fmt.Sprintf(good, 1), fmt.Sprintf(good, 2)
	for name, test := range map[string]struct{ text, want string }{
		"nothing":              {"", ""},
		"white space":          {" \n\t", "1 blank\n2 blank\n"},
		"lines":                {one + "\n" + two + "\n", "1 #0 " + one + "\n2 #1 " + two + "\n"},
		"no end":               {one + "\n" + two, "1 #0 " + one + "\n2 #1 " + two + "\n"},
		"blank lines":          {"\n" + one + "\n \r\n" + two + "\n\n", "1 blank\n2 #0 " + one + "\n3 blank\n4 #1 " + two + "\n5 blank\n"},
		"carriage returns":     {one + "\r\n" + two + " \r\n", "1 #0 " + one + "\n2 #1 " + two + "\n"},
		"byte order mark":      {"\ufeff" + one + "\n", "1 #0 " + one + "\n"},
		"spaces":               {"  " + one + "  \n", "1 #0 " + one + "\n"},
		"no objects":           {"12\nnull\n\"a\"\n7", "1 #0 12 not an object\n2 #1 null not an object\n3 #2 \"a\" not an object\n4 #3 7 not an object\n"},
		"no Id":                {"{}\n[1]\n", "1 #0 {} no Id\n2 #1 [1] not an object\n"},
		"a cut line":           {one[:10] + "\n" + two + "\n", fmt.Sprintf("1 not JSON: the line ends within a record: each has to stand on a line of its own: %q\n2 #1 %s\n", one[:10], two)},
		"a cut end":            {one + "\n" + two[:12], fmt.Sprintf("1 #0 %s\n2 not JSON: the line ends within a record: each has to stand on a line of its own: %q\n", one, two[:12])},
		"rubbish":              {"hello \n" + one + "\n", "1 not JSON: invalid character 'h': \"hello\"\n2 #1 " + one + "\n"},
		"two on one line":      {one + two + "\n" + one + "\n", fmt.Sprintf("1 not JSON: something follows the record: %q\n2 #1 %s\n", one+two, one)},
		"a blob":               {"[" + one + ",\n" + two + "]\n", "1 #0 " + one + "\n2 #1 " + two + "\n"},
		"blobs":                {" [" + one + "][]\n\n[" + two + ", 3]", "1 #0 " + one + "\n2 #1 " + two + "\n3 #2 3 not an object\n"},
		"a blob with a mark":   {"\ufeff[" + one + "]\n[" + two + "]", "1 #0 " + one + "\n2 #1 " + two + "\n"},
		"a cut blob":           {"[" + one + ",\n{\"Id\"", "1 #0 " + one + "\n2 error: read record 2: unexpected EOF\n"},
		"rubbish behind blobs": {"[" + one + "] x", "1 #0 " + one + "\n2 error: read record 2: behind offset 50: invalid character 'x'\n"},
		"lines behind blobs":   {"[" + one + "]\n" + two, "1 #0 " + one + "\n2 error: read record 2: the body is no JSON array\n"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, in := range []io.Reader{strings.NewReader(test.text), iotest.OneByteReader(strings.NewReader(test.text))} {
				if diff := cmp.Diff(test.want, read(t, in)); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			}
		})
	}
}

func TestFieldsOfLines(t *testing.T) {
	for l, err := range Lines(strings.NewReader("\n" + `{"Id":"a\u0062","Operation":"x","CreationTime":"2026-11-23T09:12:44"}` + "\n{\"Id\":\"c\"}\n")) {
		if err != nil {
			t.Fatal(err)
		}
		id, operation := string(l.Text(1)), string(l.Text(3))
		if l.Number == 2 && (id != "ab" || operation != "x" || l.Created.IsZero()) || l.Number == 3 && (id != "c" || operation != "" || !l.Created.IsZero()) {
			t.Errorf("line %d: %q, %q, %v", l.Number, id, operation, l.Created)
		}
	}
}

func TestLongLines(t *testing.T) {
	long := `{"Id":"` + strings.Repeat("x", 5<<20) + `"}`
	lines := 0
	for l, err := range Lines(strings.NewReader(long + "\n{}\n" + long)) {
		if err != nil {
			t.Fatal(err)
		}
		if lines++; l.Number != 2 && string(l.Raw) != long {
			t.Errorf("line %d has %d bytes", l.Number, len(l.Raw))
		}
	}
	if lines != 3 {
		t.Errorf("%d lines", lines)
	}
	endless := io.MultiReader(strings.NewReader("{}\n"), iotest.TimeoutReader(strings.NewReader(strings.Repeat("x", 66<<20))))
	if got := read(t, endless); !strings.HasPrefix(got, "1 #0 {} no Id\n2 error: read line 2: ") {
		t.Errorf("got %.80q", got)
	}
}

func TestTextThatCannotBeRead(t *testing.T) {
	broken := errors.New("pulled out")
	for _, text := range []string{"{}\n{}", "[{}]"} {
		got := read(t, io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)))
		if !strings.Contains(got, "pulled out") || !strings.HasPrefix(got, "1 #0 {} no Id\n") {
			t.Errorf("%q: %s", text, got)
		}
	}
}

func TestNobodyHasToReadOn(t *testing.T) {
	for _, text := range []string{"{}\n{}\n", "[{},{}] rubbish"} {
		for l, err := range Lines(strings.NewReader(text)) {
			if err != nil || l.Number != 1 {
				t.Errorf("line %d, %v", l.Number, err)
			}
			break
		}
	}
}

// FuzzLines holds the records against those of a slow reader: every line is one, whatever stands there.
func FuzzLines(f *testing.F) {
	f.Add([]byte("{}\n{\"Id\":1}\n\n[1"))
	f.Add([]byte("\ufeff 1\r\n\"\\ud800\"\n{\"a\":{}} x"))
	f.Fuzz(func(t *testing.T, text []byte) {
		body := bytes.TrimPrefix(text, bom)
		if bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) {
			t.Skip()
		}
		want := bytes.Split(body, []byte("\n"))
		if len(want[len(want)-1]) == 0 {
			want = want[:len(want)-1]
		}
		n := 0
		for l, err := range Lines(bytes.NewReader(text)) {
			if err != nil {
				t.Fatal(err)
			}
			if n >= len(want) {
				t.Fatalf("more than %d lines", len(want))
			}
			line := bytes.Trim(want[n], " \t\r")
			if n++; l.Number != n || l.Blank != (len(line) == 0) || !l.Blank && !bytes.Equal(l.Raw, line) {
				t.Fatalf("line %d is %q, want %q", l.Number, l.Raw, line)
			}
			if !l.Blank && (l.Err == nil) != json.Valid(line) && !bytes.Contains(line, []byte(`[[`)) {
				t.Fatalf("line %q: %v", line, l.Err)
			}
		}
		if n != len(want) {
			t.Fatalf("%d lines, want %d", n, len(want))
		}
	})
}

func BenchmarkLines(b *testing.B) {
	line := `{"Id":"7b1c2f0e-56a1-4d0b-8d5c-0f4d1a2b3c4d","CreationTime":"2026-11-23T09:12:44","Data":"` + strings.Repeat("x", 1200) + "\"}\n"
	text := strings.Repeat(line, 2000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		for _, err := range Lines(strings.NewReader(text)) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
