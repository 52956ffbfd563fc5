package redact_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"o365-kafka-connector/internal/transform/redact"
)

// plain redacts a decoded value in the plainest way: UserId, Actor.ID and P.Secret, and nothing else. Path is where it
// stands.
func plain(v any, path string) any {
	switch v := v.(type) {
	case map[string]any:
		entry, _ := nameOf(v)
		out := map[string]any{}
		for name, value := range v {
			folded := strings.ToLower(name)
			below := strings.TrimPrefix(path+"."+folded, ".")
			switch {
			case below == "actor.id" || path == "p" && entry == "secret" && folded != "name" && folded != "key" || below == "p.secret":
			case below == "userid":
				out[name] = "#"
			default:
				out[name] = plain(value, below)
			}
		}
		return out
	case []any:
		out := []any{}
		for _, value := range v {
			if object, ok := value.(map[string]any); ok && path == "p" {
				if entry, _ := nameOf(object); entry == "secret" {
					continue
				}
			}
			out = append(out, plain(value, path))
		}
		return out
	}
	return v
}

func nameOf(v map[string]any) (string, bool) {
	for name, value := range v {
		if text, ok := value.(string); ok && (strings.EqualFold(name, "name") || strings.EqualFold(name, "key")) && strings.EqualFold(text, "secret") {
			return "secret", true
		}
	}
	return "", false
}

func decode(t *testing.T, text []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// FuzzRecord checks that what is redacted stays JSON, equal to what it was outside of the fields, and that once is
// enough.
func FuzzRecord(f *testing.F) {
	for _, seed := range []string{
		`{"UserId":"a","Actor":[{"ID":"b","Type":1}],"P":[{"Name":"Secret","Value":"c"},{"Name":"x","Value":1.50}]}`,
		` { "a" : [ ] , "Actor" : { "id" : { } } , "userid" : "\ud83d\ude00" } `,
		`{"P":{"Key":"secret","Value":[1,2,{"x":null}]},"p":[[{"name":"SECRET"}],true]}`,
		`{"Actor":[[],[[{"ID":1,"ID":2}]]],"UserId":12e3,"":0}`,
	} {
		f.Add([]byte(seed))
	}
	c := config("UserId", "remove:Actor.ID", "remove:P.Secret")
	f.Fuzz(func(t *testing.T, text []byte) {
		x := redactor(t, c)
		r := x.Record(blob, read(t, string(text)))
		if !jsontext.Value(r.Raw).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) {
			if bytes.Equal(r.Raw, text) && !json.Valid(text) {
				t.Fatalf("%q was passed on", text)
			}
			t.Fatalf("%q became %q", text, r.Raw)
		}
		if again := redactor(t, c).Record(blob, r); !bytes.Equal(again.Raw, r.Raw) {
			t.Fatalf("%q became %q the second time", r.Raw, again.Raw)
		}
		if r.Malformed != "" || !jsontext.Value(text).IsValid() || looksOdd(text) {
			return
		}
		got := decode(t, []byte(short(string(r.Raw))))
		if diff := cmp.Diff(hashless(plain(decode(t, text), "")), hashless(got)); diff != "" {
			t.Fatalf("%s became %s (-want +got):\n%s", text, r.Raw, diff)
		}
	})
}

// looksOdd leaves out what the plain way cannot tell: letters of other alphabets that differ in case only, texts that
// hold JSON or stand where a path leads on, deep nesting.
func looksOdd(text []byte) bool {
	if bytes.Count(text, []byte("{"))+bytes.Count(text, []byte("[")) > 50 || bytes.Contains(text, []byte(`\`)) {
		return true
	}
	for _, c := range text {
		if c >= 0x80 {
			return true
		}
	}
	var v map[string]any
	if json.Unmarshal(text, &v) != nil {
		return true
	}
	for name, value := range v {
		if (strings.EqualFold(name, "actor") || strings.EqualFold(name, "p")) && holdsText(value) {
			return true
		}
	}
	return false
}

// holdsText reports whether there are texts in place of objects.
func holdsText(v any) bool {
	switch v := v.(type) {
	case string:
		return true
	case []any:
		for _, value := range v {
			if holdsText(value) {
				return true
			}
		}
	}
	return false
}

// hashless puts one text in the place of everything that a hash may have taken the place of.
func hashless(v any) any {
	object, ok := v.(map[string]any)
	if !ok {
		return v
	}
	for name := range object {
		if strings.EqualFold(name, "userid") {
			object[name] = "#"
		}
	}
	return object
}

// FuzzTexts plants a mark in a field, in JSON that was written as a text up to seven times, with something before and
// behind it, and cut off.
func FuzzTexts(f *testing.F) {
	f.Add("", "", uint8(2), uint8(0))
	f.Add("\ufeff \n", "", uint8(1), uint8(2))
	f.Add("\t\u00a0", " and more", uint8(7), uint8(1))
	f.Add("", `"},[\`, uint8(5), uint8(0))
	rules := []redact.Config{config("**.ClientIP"), config("remove:**.ClientIP"), config("x.ClientIP"), config("remove:x.ClientIP")}
	f.Fuzz(func(t *testing.T, before, behind string, times, cut uint8) {
		if strings.TrimLeft(before, " \t\r\n\ufeff\u00a0") != "" || strings.Contains(behind, mark) {
			t.Skip("no white space before it")
		}
		text := before + `{"a":1,"clientIP":"` + mark + `"}` + behind
		text = text[:max(len(text)-int(cut), 0)]
		for range times % 8 {
			quoted, err := json.Marshal(text)
			if err != nil {
				t.Fatal(err)
			}
			text = string(quoted)
		}
		quoted, err := json.Marshal(map[string]string{"x": text})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range rules {
			r := redactor(t, c).Record(blob, read(t, string(quoted)))
			if bytes.Contains(r.Raw, []byte(mark)) || !json.Valid(r.Raw) {
				t.Fatalf("%s with %s became %s", quoted, c.Fields[0], r.Raw)
			}
			if again := redactor(t, c).Record(blob, r); !bytes.Equal(again.Raw, r.Raw) {
				t.Fatalf("%s became %s the second time", r.Raw, again.Raw)
			}
		}
	})
}

// mark is what must not be seen.
const mark = "4111-1111"

// FuzzPath checks that no path makes trouble.
func FuzzPath(f *testing.F) {
	f.Add("UserId")
	f.Add(`remove: **.a\.b`)
	f.Add(`hash:a..b\`)
	f.Fuzz(func(t *testing.T, path string) {
		c := redact.Config{Fields: []string{path}, DLP: redact.Keep, Key: key}
		if c.Validate() != nil {
			return
		}
		x := redactor(t, c)
		if out := x.Record(blob, read(t, `{"a":{"b":"c"},"d":["{\"e\":1}"]}`)); !json.Valid(out.Raw) {
			t.Fatalf("%q made %q", path, out.Raw)
		}
	})
}
