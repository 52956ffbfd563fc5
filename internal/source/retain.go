package source

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
)

const (
	// readSize is how much is asked of the connection at once.
	readSize = 64 << 10
	// maxRecord bounds a single record, which has to be held as a whole. Microsoft states no limit; Kafka brokers
	// take 1 MiB unless told otherwise.
	maxRecord = 64 << 20
	// maxDrain bounds what is read of a malformed body only to hash it.
	maxDrain = 256 << 20
	// maxKept is how large a buffer may be to be used again.
	maxKept = 1 << 20
)

var (
	errTooLong = errors.New("a record is longer than 64 MiB")
	bom        = []byte("\xef\xbb\xbf")
)

// retain hands a body on to the JSON decoder and keeps the bytes from a mark on, so that a record can be cut out of
// it as it arrived. Offsets are those of the decoder: from the first byte that it was given.
type retain struct {
	src    io.Reader
	buf    []byte
	base   int64 // offset of buf[0]
	limit  int   // of bytes behind the mark; maxRecord
	served int   // how much of buf the decoder was given
	mark   int64 // bytes before it are not needed any more
	err    error // of src
	begun  bool
	lost   bool      // bytes were dropped without being hashed
	hash   hash.Hash // of the bytes before base; nil: not wanted
}

func (r *retain) reset(src io.Reader, hashed bool) {
	*r = retain{src: src, limit: maxRecord, buf: r.buf[:0]}
	if cap(r.buf) < readSize {
		r.buf = make([]byte, 0, readSize)
	}
	if hashed {
		r.hash = sha256.New()
	}
}

// Read implements io.Reader.
func (r *retain) Read(p []byte) (int, error) {
	if !r.begun {
		r.skipBOM()
	}
	for r.served == len(r.buf) {
		if r.err != nil {
			return 0, r.err
		}
		r.fill()
	}
	n := copy(p, r.buf[r.served:])
	r.served += n
	return n, nil
}

// skipBOM keeps a byte order mark from the decoder, which has no use for it.
func (r *retain) skipBOM() {
	r.begun = true
	for len(r.buf) < len(bom) && r.err == nil {
		r.fill()
	}
	if bytes.HasPrefix(r.buf, bom) {
		r.served, r.base = len(bom), -int64(len(bom))
	}
}

// fill reads once from the source, after making room.
func (r *retain) fill() {
	if len(r.buf) == cap(r.buf) {
		r.drop(int(r.mark - r.base))
		if len(r.buf) >= r.limit {
			r.err = errTooLong
			return
		}
		if len(r.buf) > cap(r.buf)/2 {
			r.buf = append(make([]byte, 0, 2*cap(r.buf)), r.buf...)
		}
	}
	n, err := r.src.Read(r.buf[len(r.buf):cap(r.buf)])
	r.buf, r.err = r.buf[:len(r.buf)+n], err
}

// drop forgets the first n bytes of the buffer.
func (r *retain) drop(n int) {
	if n <= 0 {
		return
	}
	if r.hash != nil {
		_, _ = r.hash.Write(r.buf[:n]) // cannot fail
	} else {
		r.lost = true
	}
	r.buf = r.buf[:copy(r.buf, r.buf[n:])]
	r.base += int64(n)
	r.served -= n
}

// slice returns the bytes between two offsets that are not before the mark. They stand until the next Read.
func (r *retain) slice(start, end int64) []byte {
	return r.buf[start-r.base : end-r.base : end-r.base]
}

// sum returns the SHA-256 of the whole body, after reading the rest of it. It is empty if the body does not arrive
// completely, is too long, or lost its beginning before anybody wanted to know.
func (r *retain) sum() string {
	if r.lost {
		return ""
	}
	if r.hash == nil {
		r.hash = sha256.New()
	}
	for drained := 0; r.err == nil || errors.Is(r.err, errTooLong); {
		_, _ = r.hash.Write(r.buf) // cannot fail
		if drained += len(r.buf); drained > maxDrain {
			return ""
		}
		n, err := r.src.Read(r.buf[:cap(r.buf)])
		r.buf, r.err = r.buf[:n], err
	}
	if r.err != io.EOF { //nolint:errorlint // io.EOF is never wrapped by readers
		return ""
	}
	_, _ = r.hash.Write(r.buf)
	return hex.EncodeToString(r.hash.Sum(nil))
}
