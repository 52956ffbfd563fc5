package tree

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestEscapesEveryPosition puts each byte that needs an escape at each place of a word, and at the ends of blocks.
func TestEscapesEveryPosition(t *testing.T) {
	for _, c := range []string{`"`, `\`, "\n", "\x00", "\x1f", " ", "!", "#", "[", "]", "\x7f", "é", "\u2028", "\U0001F600", "\"\\\"\n\n"} {
		for _, length := range []int{0, 1, 7, 8, 9, 15, 16, 17, escapeBlock - 8, escapeBlock - 1, escapeBlock, escapeBlock + 1, 3*escapeBlock + 5} {
			for place := max(0, length-20); place <= length; place++ {
				text := strings.Repeat("a", place) + c + strings.Repeat("z", length-place)
				quoted := append(AppendEscaped([]byte{'"'}, []byte(text)), '"')
				var got string
				if err := json.Unmarshal(quoted, &got); err != nil || got != text {
					t.Fatalf("escape of %q at %d of %d: %v", c, place, length, err)
				}
			}
		}
	}
	quotes := strings.Repeat("\"\x01\\", escapeBlock)
	var got string
	if err := json.Unmarshal(append(AppendEscaped([]byte{'"'}, []byte(quotes)), '"'), &got); err != nil || got != quotes {
		t.Fatalf("escape of nothing but escapes: %v", err)
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("plain", "a\"b\\c\n\x00 behind")
	f.Add("", strings.Repeat("é\"", 20))
	f.Fuzz(func(t *testing.T, before, text string) {
		if !utf8.ValidString(text) || !utf8.ValidString(before) {
			t.Skip()
		}
		got := AppendEscaped([]byte(before), []byte(text))
		want := AppendRepaired([]byte(before), []byte(text))
		if !bytes.Equal(got, want) {
			t.Fatalf("AppendEscaped(%q) = %q, want %q", text, got, want)
		}
	})
}

func BenchmarkEscape(b *testing.B) {
	text := []byte(strings.Repeat(`{"Name":"RequestType","Value":"OAuth2:Authorize"},`, 30))
	var dst []byte
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		dst = AppendEscaped(dst[:0], text)
	}
}
