package tree

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// escapeBlock is how many bytes are escaped at a time, so that the buffer never grows much beyond what is needed.
const escapeBlock = 2 << 10

// longestEscape is the length of \u00XX.
const longestEscape = 6

// word is how many bytes are looked at together.
const word = 8

// AppendEscaped appends text as the inside of a JSON string. The text must be valid UTF-8.
func AppendEscaped(dst, text []byte) []byte {
	for len(text) >= word {
		block := text[:min(len(text), escapeBlock)]
		dst = slices.Grow(dst, longestEscape*len(block)+word)
		written, read := escapeWords(dst[len(dst):len(dst)+longestEscape*len(block)+word], block)
		dst = dst[:len(dst)+written]
		text = text[read:]
	}
	for _, c := range text { // may start in the middle of a character
		dst = appendByte(dst, c)
	}
	return dst
}

// escapeWords writes the escaped block until less than a word of it is left, and returns how much it wrote and read.
// Records are full of quotes, so it always copies eight bytes and goes on behind the first that needs an escape.
func escapeWords(out, block []byte) (written, read int) {
	for read+word <= len(block) {
		x := binary.LittleEndian.Uint64(block[read:])
		binary.LittleEndian.PutUint64(out[written:], x)
		special := specials(x)
		if special == 0 {
			written += word
			read += word
			continue
		}
		plain := bits.TrailingZeros64(special) / 8
		c := block[read+plain]
		written += plain
		read += plain + 1
		if c < ' ' {
			written = len(appendControl(out[:written], c))
			continue
		}
		out[written], out[written+1] = '\\', c
		written += 2
	}
	return written, read
}

// specials sets the highest bit of the first byte that needs an escape, and perhaps of some behind it: no byte below
// it is ever marked. (A byte b is zero if (b-1)&^b has its highest bit, and below n if (b-n)&^b has it; borrows only
// go upwards.)
func specials(x uint64) uint64 {
	const each, highest = 0x0101010101010101, 0x8080808080808080
	quote, backslash := x^(each*'"'), x^(each*'\\')
	return ((quote-each)&^quote | (backslash-each)&^backslash | (x-each*' ')&^x) & highest
}

// AppendRepaired is AppendEscaped for any text: a byte that is no part of valid UTF-8 becomes U+FFFD.
func AppendRepaired(dst, text []byte) []byte {
	for len(text) > 0 {
		c, size := utf8.DecodeRune(text)
		switch {
		case c == utf8.RuneError && size == 1:
			dst = append(dst, `\ufffd`...)
		case c < utf8.RuneSelf:
			dst = appendByte(dst, byte(c))
		default:
			dst = append(dst, text[:size]...)
		}
		text = text[size:]
	}
	return dst
}

func appendByte(dst []byte, c byte) []byte {
	switch {
	case c == '"' || c == '\\':
		return append(dst, '\\', c)
	case c < ' ':
		return appendControl(dst, c)
	}
	return append(dst, c)
}

func appendControl(dst []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch c {
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xF])
}
