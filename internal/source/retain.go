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

// retain holds the part of a body that is being looked at: from a mark on, as it arrived.
type retain struct {
	src   io.Reader
	buf   []byte
	base  int64     // how much of the body was before buf[0]
	limit int       // of bytes behind the mark; maxRecord
	mark  int       // where in buf begins what is still needed
	err   error     // of src
	lost  bool      // bytes were dropped without being hashed
	hash  hash.Hash // of the bytes before base; nil: not wanted
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

// skipBOM goes past a byte order mark.
func (r *retain) skipBOM() {
	for len(r.buf) < len(bom) && r.err == nil {
		r.fill()
	}
	if bytes.HasPrefix(r.buf, bom) {
		r.mark = len(bom)
	}
}

// fill reads once from the source, after making room. What was read before, from the mark on, may move.
func (r *retain) fill() {
	if len(r.buf) == cap(r.buf) {
		r.drop()
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

// drop forgets what stands before the mark.
func (r *retain) drop() {
	if r.mark == 0 {
		return
	}
	if r.hash != nil {
		_, _ = r.hash.Write(r.buf[:r.mark]) // cannot fail
	} else {
		r.lost = true
	}
	r.base += int64(r.mark)
	r.buf = r.buf[:copy(r.buf, r.buf[r.mark:])]
	r.mark = 0
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
