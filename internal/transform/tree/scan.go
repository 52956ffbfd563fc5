package tree

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

const escapeLength = len(`\u0000`)

// str returns the end of the string that begins at a quote, and what it holds. It looks at eight bytes together.
func (t *Tree) str(at int) (end int, flags uint8, err error) {
	text := t.text
	for at++; ; {
		for at+word <= len(text) {
			found := specials(binary.LittleEndian.Uint64(text[at:]))
			if found != 0 {
				at += bits.TrailingZeros64(found) / 8
				break
			}
			at += word
		}
		if at >= len(text) {
			return 0, 0, ErrSyntax
		}
		switch c := text[at]; {
		case c == '"':
			return at + 1, flags, nil
		case c == '\\':
			length, surrogate := escapeAt(text[at:])
			if length == 0 {
				return 0, 0, ErrSyntax
			}
			flags |= escaped
			if surrogate {
				flags |= odd
			}
			at += length
		case c < ' ':
			return 0, 0, ErrSyntax
		default:
			at++
		}
	}
}

// escapeAt returns the length of the escape that begins at a backslash, 0 if it is none, and whether it is a surrogate.
func escapeAt(text []byte) (length int, surrogate bool) {
	if len(text) < 2 {
		return 0, false
	}
	switch text[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, false
	case 'u':
		c, ok := hex4(text)
		if !ok {
			return 0, false
		}
		return escapeLength, utf16.IsSurrogate(c)
	}
	return 0, false
}

// hex4 reads \uXXXX.
func hex4(text []byte) (rune, bool) {
	if len(text) < escapeLength || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range text[2:escapeLength] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// appendUnescaped appends what the inside of a string means, in valid UTF-8.
func appendUnescaped(dst, inside []byte) []byte {
	for i := 0; i < len(inside); {
		c := inside[i]
		switch {
		case c == '\\':
			var length int
			dst, length = appendEscape(dst, inside[i:])
			i += length
		case c < utf8.RuneSelf:
			dst = append(dst, c)
			i++
		default:
			r, size := utf8.DecodeRune(inside[i:])
			dst = utf8.AppendRune(dst, r)
			i += size
		}
	}
	return dst
}

// appendEscape appends what the escape at the start of the text means, and returns its length.
func appendEscape(dst, text []byte) ([]byte, int) {
	switch c := text[1]; c {
	case 'b':
		return append(dst, '\b'), 2
	case 'f':
		return append(dst, '\f'), 2
	case 'n':
		return append(dst, '\n'), 2
	case 'r':
		return append(dst, '\r'), 2
	case 't':
		return append(dst, '\t'), 2
	case 'u':
	default:
		return append(dst, c), 2
	}
	r, _ := hex4(text)
	if !utf16.IsSurrogate(r) {
		return utf8.AppendRune(dst, r), escapeLength
	}
	if low, ok := hex4(text[escapeLength:]); ok {
		if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
			return utf8.AppendRune(dst, both), 2 * escapeLength
		}
	}
	return utf8.AppendRune(dst, utf8.RuneError), escapeLength
}

func (t *Tree) literal(at int, want string) (int, error) {
	if len(t.text)-at < len(want) || string(t.text[at:at+len(want)]) != want {
		return 0, ErrSyntax
	}
	return at + len(want), nil
}

// number returns the end of a number.
func (t *Tree) number(at int) (int, error) {
	at = t.one(at, '-', '-')
	start := at
	at = t.digits(at)
	if at == start || t.text[start] == '0' && at > start+1 {
		return 0, ErrSyntax
	}
	if point := t.one(at, '.', '.'); point > at {
		if at = t.digits(point); at == point {
			return 0, ErrSyntax
		}
	}
	if e := t.one(at, 'e', 'E'); e > at {
		e = t.one(e, '+', '-')
		if at = t.digits(e); at == e {
			return 0, ErrSyntax
		}
	}
	return at, nil
}

// one goes past a byte that is one of two, if it is there.
func (t *Tree) one(at int, a, b byte) int {
	if at < len(t.text) && (t.text[at] == a || t.text[at] == b) {
		return at + 1
	}
	return at
}

func (t *Tree) digits(at int) int {
	for at < len(t.text) && t.text[at]-'0' <= 9 {
		at++
	}
	return at
}

// skip returns the end of an array or object without looking at what is in it.
func (t *Tree) skip(at int) (int, error) {
	for depth := 0; at < len(t.text); {
		switch t.text[at] {
		case '"':
			end, _, err := t.str(at)
			if err != nil {
				return 0, err
			}
			at = end
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return at + 1, nil
			}
		}
		at++
	}
	return 0, ErrSyntax
}
