package source

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// The bodies of blobs are most of what this program reads, so their JSON is cut here, in one pass that checks the
// grammar of RFC 8259 and copies nothing. Bytes that are no UTF-8 and lone surrogates are let through, as are members
// that occur twice: one odd record must not stop a blob.

// maxDepth is how deep arrays and objects may be nested.
const maxNesting = 10_000

var (
	errShort = errors.New("the text ends within a value")
	errDeep  = errors.New("arrays and objects are nested too deep")
)

// syntaxError is a byte that cannot stand where it stands.
type syntaxError byte

// Error names the byte.
func (e syntaxError) Error() string { return fmt.Sprintf("invalid character %q", byte(e)) }

// noteMember hears of a member of the outermost object: where its name, with quotes, and its value begin and end.
type noteMember func(name, value span)

// span is a part of the text.
type span struct{ start, end int }

// scanValue returns the end of the value that begins at a place of the text. errShort means that more of the text is
// needed to tell. Note, if not nil, hears of the members if the value is an object.
func scanValue(text []byte, at int, note noteMember) (int, error) {
	s := scan{text: text, note: note}
	return s.value(at, 1)
}

type scan struct {
	text []byte
	note noteMember
}

func (s *scan) value(at, depth int) (int, error) {
	if at >= len(s.text) {
		return 0, errShort
	}
	switch c := s.text[at]; c {
	case '"':
		return s.string(at)
	case '{':
		return s.object(at, depth+1)
	case '[':
		return s.array(at, depth+1)
	case 't':
		return s.literal(at, "true")
	case 'f':
		return s.literal(at, "false")
	case 'n':
		return s.literal(at, "null")
	default:
		return s.number(at)
	}
}

// space returns where something else than white space stands, at the end of the text at most.
func (s *scan) space(at int) int {
	for at < len(s.text) && isSpace(s.text[at]) {
		at++
	}
	return at
}

func isSpace(c byte) bool { return c <= ' ' && (c == ' ' || c == '\n' || c == '\r' || c == '\t') }

// expect returns what follows one of two bytes, after white space, and which of them it was.
func (s *scan) expect(at int, one, other byte) (next int, found byte, err error) {
	if at = s.space(at); at >= len(s.text) {
		return 0, 0, errShort
	}
	if c := s.text[at]; c == one || c == other {
		return at + 1, c, nil
	}
	return 0, 0, syntaxError(s.text[at])
}

func (s *scan) object(at, depth int) (int, error) {
	if depth > maxNesting {
		return 0, errDeep
	}
	at, c, err := s.expect(at+1, '"', '}')
	for err == nil && c == '"' {
		if at, err = s.member(at-1, depth); err != nil {
			return 0, err
		}
		if at, c, err = s.expect(at, ',', '}'); err == nil && c == ',' {
			at, c, err = s.expect(at, '"', '"')
		}
	}
	return at, err
}

// member returns the end of a member that begins at its name's quote.
func (s *scan) member(at, depth int) (int, error) {
	name := span{start: at}
	var err error
	if name.end, err = s.string(at); err != nil {
		return 0, err
	}
	at, _, err = s.expect(name.end, ':', ':')
	if err != nil {
		return 0, err
	}
	value := span{start: s.space(at)}
	if value.end, err = s.value(value.start, depth); err != nil {
		return 0, err
	}
	if depth == 2 && s.note != nil {
		s.note(name, value)
	}
	return value.end, nil
}

func (s *scan) array(at, depth int) (int, error) {
	if depth > maxNesting {
		return 0, errDeep
	}
	at = s.space(at + 1)
	if at < len(s.text) && s.text[at] == ']' {
		return at + 1, nil
	}
	for {
		end, err := s.value(s.space(at), depth)
		if err != nil {
			return 0, err
		}
		next, c, err := s.expect(end, ',', ']')
		if err != nil || c == ']' {
			return next, err
		}
		at = next
	}
}

func (s *scan) literal(at int, want string) (int, error) {
	for i := range len(want) {
		if at+i >= len(s.text) {
			return 0, errShort
		}
		if s.text[at+i] != want[i] {
			return 0, syntaxError(s.text[at+i])
		}
	}
	return at + len(want), nil
}

// number returns the end of a number. One at the very end of the text may go on.
func (s *scan) number(at int) (int, error) {
	if s.text[at] == '-' {
		at++
	}
	leading := at
	at, err := s.digits(at)
	if err == nil && s.text[leading] == '0' && at > leading+1 {
		err = syntaxError(s.text[leading+1])
	}
	if err == nil && s.text[at] == '.' {
		at, err = s.digits(at + 1)
	}
	if err == nil && s.text[at]|0x20 == 'e' {
		if at++; at < len(s.text) && (s.text[at] == '+' || s.text[at] == '-') {
			at++
		}
		at, err = s.digits(at)
	}
	return at, err
}

// digits returns the end of at least one digit, within the text.
func (s *scan) digits(at int) (int, error) {
	start := at
	for at < len(s.text) && s.text[at]-'0' <= 9 {
		at++
	}
	switch {
	case at >= len(s.text):
		return 0, errShort
	case at == start:
		return 0, syntaxError(s.text[at])
	}
	return at, nil
}

// string returns the end of the string that begins at a quote. It looks at eight bytes together.
func (s *scan) string(at int) (int, error) {
	const word = 8
	for at++; ; {
		for at+word <= len(s.text) {
			found := notPlain(binary.LittleEndian.Uint64(s.text[at:]))
			if found != 0 {
				at += bits.TrailingZeros64(found) / 8
				break
			}
			at += word
		}
		if at >= len(s.text) {
			return 0, errShort
		}
		switch c := s.text[at]; {
		case c == '"':
			return at + 1, nil
		case c == '\\':
			var err error
			if at, err = s.escape(at); err != nil {
				return 0, err
			}
		case c < ' ':
			return 0, syntaxError(c)
		default:
			at++
		}
	}
}

// notPlain sets the highest bit of the first byte that is a quote, a backslash or a control character, and perhaps of
// some behind it: no byte below it is ever marked. (A byte b is zero if (b-1)&^b has its highest bit, and below n if
// (b-n)&^b has it; borrows only go upwards.)
func notPlain(x uint64) uint64 {
	const each, highest = 0x0101010101010101, 0x8080808080808080
	quote, backslash := x^(each*'"'), x^(each*'\\')
	return ((quote-each)&^quote | (backslash-each)&^backslash | (x-each*' ')&^x) & highest
}

// escape returns the end of the escape that begins at a backslash.
func (s *scan) escape(at int) (int, error) {
	if at+1 >= len(s.text) {
		return 0, errShort
	}
	switch c := s.text[at+1]; c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return at + 2, nil
	case 'u':
	default:
		return 0, syntaxError(c)
	}
	const length = len(`\u0000`)
	for i := at + 2; i < at+length; i++ {
		if i >= len(s.text) {
			return 0, errShort
		}
		if c := s.text[i]; c-'0' > 9 && (c|0x20)-'a' > 5 {
			return 0, syntaxError(c)
		}
	}
	return at + length, nil
}
