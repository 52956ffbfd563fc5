package audit

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

var errFrame = errors.New("damaged frame of a prepared event")

// appendFrame writes everything of an event but its value, which follows it to the end of the frame: ordinal, identity
// (a length, 0 for none), topic, key (length + 1, so that 0 is no key) and headers.
func appendFrame(dst []byte, e Event) []byte {
	dst = binary.AppendUvarint(dst, uint64(e.Ordinal))
	dst = appendIdentity(dst, e.Identity)
	dst = binary.AppendUvarint(dst, uint64(len(e.Topic)))
	dst = append(dst, e.Topic...)
	if e.Key == nil {
		dst = append(dst, 0)
	} else {
		dst = binary.AppendUvarint(dst, uint64(len(e.Key))+1)
		dst = append(dst, e.Key...)
	}
	dst = binary.AppendUvarint(dst, uint64(len(e.Headers)))
	for _, h := range e.Headers {
		dst = binary.AppendUvarint(dst, uint64(len(h.Name)))
		dst = append(dst, h.Name...)
		dst = binary.AppendUvarint(dst, uint64(len(h.Value)))
		dst = append(dst, h.Value...)
	}
	return dst
}

func appendIdentity(dst []byte, i Identity) []byte {
	if i.IsZero() {
		return append(dst, 0)
	}
	dst = append(dst, byte(len(i.Hash)))
	dst = append(dst, i.Hash[:]...)
	return binary.AppendUvarint(dst, uint64(i.Hour))
}

// frameParser takes frames apart. Its events alias the frame and the parser's own header slice.
type frameParser struct {
	headers []Header
	names   map[string]string // topics and header names are few: each is allocated once
	rest    []byte
	failed  bool
}

// read takes the next frame, of at most limit bytes, out of a temporary file.
func (p *frameParser) read(in *bufio.Reader, buf *[]byte, limit int64) (Event, error) {
	length, err := binary.ReadUvarint(in)
	if err != nil {
		return Event{}, readFault(err)
	}
	if length > uint64(limit) {
		return Event{}, readFault(errFrame)
	}
	*buf = slices.Grow((*buf)[:0], int(length))[:length]
	if _, err := io.ReadFull(in, *buf); err != nil {
		return Event{}, readFault(err)
	}
	e, err := p.parse(*buf)
	if err != nil {
		return Event{}, readFault(err)
	}
	return e, nil
}

// readFault is told apart from a fault of the sink: the temporary file is to blame.
func readFault(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return AsFault(fmt.Errorf("read temporary file: %w", err), CauseSpool)
}

func (p *frameParser) parse(frame []byte) (Event, error) {
	e := p.head(frame)
	p.headers = p.headers[:0]
	for range p.uvarint() {
		if p.failed {
			break
		}
		name := p.intern(p.take(p.uvarint()))
		p.headers = append(p.headers, Header{Name: name, Value: p.take(p.uvarint())})
	}
	if p.failed {
		return Event{}, errFrame
	}
	e.Headers, e.Value = p.headers, p.rest
	return e, nil
}

// head reads what comes before an event's headers.
func (p *frameParser) head(frame []byte) Event {
	p.rest, p.failed = frame, false
	e := Event{Ordinal: int(p.uvarint())}
	if n := p.uvarint(); n > 0 {
		copy(e.Identity.Hash[:], p.take(n))
		e.Identity.Hour = uint32(p.uvarint()) //nolint:gosec // it is what was written
	}
	e.Topic = p.intern(p.take(p.uvarint()))
	if n := p.uvarint(); n > 0 {
		e.Key = p.take(n - 1)
	}
	return e
}

func (p *frameParser) uvarint() uint64 {
	v, n := binary.Uvarint(p.rest)
	if n <= 0 {
		p.failed = true
		return 0
	}
	p.rest = p.rest[n:]
	return v
}

func (p *frameParser) take(n uint64) []byte {
	if n > uint64(len(p.rest)) {
		p.failed = true
		return nil
	}
	out := p.rest[:n:n]
	p.rest = p.rest[n:]
	return out
}

func (p *frameParser) intern(b []byte) string {
	if s, ok := p.names[string(b)]; ok {
		return s
	}
	if p.names == nil {
		p.names = map[string]string{}
	}
	s := string(b)
	p.names[s] = s
	return s
}
