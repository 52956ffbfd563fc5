package audit

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/quick"
	"time"
)

func check(t *testing.T, property any) {
	t.Helper()
	if err := quick.Check(property, &quick.Config{MaxCount: 1000}); err != nil {
		t.Error(err)
	}
}

func TestHashText(t *testing.T) {
	if got := HashOf("abc").String(); got != "ba7816bf8f01cfea4141" {
		t.Errorf("HashOf(abc) = %s, want the first 80 bits of its SHA-256", got)
	}
	check(t, func(h Hash) bool {
		text, err := h.MarshalText()
		var again Hash
		return err == nil && len(text) == 20 && again.UnmarshalText(text) == nil && again == h &&
			again.UnmarshalText([]byte(strings.ToUpper(string(text)))) == nil && again == h
	})
	check(t, func(id string) bool { return HashOf(id) == (Blob{ID: id}).Hash() })

	var key map[Hash]int
	if err := json.Unmarshal([]byte(`{"00112233445566778899":1}`), &key); err != nil || len(key) != 1 {
		t.Errorf("hash as a JSON key: %v, %v", key, err)
	}
	var _ encoding.TextUnmarshaler = (*Hash)(nil)
	for _, bad := range []string{"", "00", "0011223344556677889", "001122334455667788990", "00112233445566778899aa", "zz112233445566778899"} {
		if err := new(Hash).UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("hash %q is taken", bad)
		}
	}
}

func TestContentTypes(t *testing.T) {
	if n := len(ContentTypes()); n != 5 {
		t.Fatalf("%d content types", n)
	}
	for _, want := range ContentTypes() {
		name := string(want)
		for _, s := range []string{name, strings.ToLower(name), strings.ToUpper(name), "\t" + name + " \n"} {
			if got, err := ParseContentType(s); err != nil || got != want {
				t.Errorf("ParseContentType(%q) = %q, %v", s, got, err)
			}
		}
	}
	for _, bad := range []string{"", "Exchange", "Audit.", "Audit.Exchange2", "Audit Exchange", "DLP"} {
		_, err := ParseContentType(bad)
		if err == nil {
			t.Errorf("content type %q is taken", bad)
			continue
		}
		if !strings.Contains(err.Error(), "Audit.AzureActiveDirectory") || !strings.Contains(err.Error(), "DLP.All") {
			t.Errorf("error does not name what is allowed: %v", err)
		}
	}
}

func TestStreamNames(t *testing.T) {
	s := Stream{Tenant{ID: "11111111-1111-1111-1111-111111111111", Name: "contoso"}, DLP}
	if s.Key() != "11111111-1111-1111-1111-111111111111/DLP.All" || fmt.Sprint(s) != "contoso/DLP.All" {
		t.Errorf("stream is %q and %q", s.Key(), s)
	}
}

// window is a window of up to two days.
func window(start int32, seconds uint32) Window {
	from := time.Unix(int64(start), 0).UTC()
	return Window{from, from.Add(time.Duration(seconds%172800) * time.Second)}
}

func TestWindows(t *testing.T) {
	check(t, func(start int32, seconds uint32) bool {
		w := window(start, seconds)
		return w.Empty() == (w.Duration() == 0) && w.Contains(w.Start) == !w.Empty() && !w.Contains(w.End) &&
			!w.Contains(w.Start.Add(-1)) && (w.Empty() || w.Contains(w.End.Add(-1)))
	})
	check(t, func(start int32, seconds uint32) bool {
		w := window(start, seconds)
		h := w.Halve()
		rest := Window{h.End, w.End}
		return h.Start.Equal(w.Start) && h.End.Nanosecond() == 0 && h.Duration() <= rest.Duration() &&
			rest.Duration()-h.Duration() <= time.Second && (w.Duration() < 2*time.Second || !h.Empty())
	})
	if w := window(100, 0); !(Window{w.End, w.Start.Add(-time.Hour)}).Empty() {
		t.Error("a window that ends before it starts is not empty")
	}
}

func TestFaults(t *testing.T) {
	cause := errors.New("AF20050")
	f := &Fault{Cause: CauseNotFound, Scope: OfBlob, Err: cause}
	wrapped := fmt.Errorf("fetch blob: %w", f)
	if AsFault(wrapped, CauseSink) != f || !errors.Is(wrapped, cause) || f.Error() != "AF20050" {
		t.Errorf("AsFault(%v) is another fault", wrapped)
	}
	if got := AsFault(cause, CauseSink); got.Cause != CauseSink || got.Scope != OfStream || !errors.Is(got, cause) {
		t.Errorf("AsFault of a plain error = %+v", got)
	}
}

func TestEmptyEntry(t *testing.T) {
	if !(Entry{N: 5, Epoch: 2, Time: time.Unix(1, 0)}).Empty() {
		t.Error("an entry without a change is not empty")
	}
	for _, e := range []Entry{
		{Done: []Hash{{}}},
		{Pending: []Pending{{}}},
		{Resolved: []Hash{{}}},
		{Gaps: []Gap{{}}},
		{Desired: &Desired{}},
	} {
		if e.Empty() {
			t.Errorf("%+v is empty", e)
		}
	}
}

func TestRecordText(t *testing.T) {
	var r Record
	r.Fields[FieldScope].Text = []byte("x")
	if string(r.Text(FieldScope)) != "x" || r.Text(FieldID) != nil {
		t.Error("Text() is another field's")
	}
}
