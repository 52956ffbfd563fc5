package txn

import (
	"bytes"
	"fmt"
	"runtime"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Codec compresses the records of a batch. It is safe for concurrent use, and meant to be shared.
type Codec struct {
	attribute uint16                                // Kafka's number of the codec
	compress  func(dst, src []byte) ([]byte, error) // appends to dst; nil: no compression
}

// Codecs lists the names that NewCodec knows.
func Codecs() []string { return []string{"none", "gzip", "snappy", "lz4", "zstd"} }

// NewCodec returns a codec by its name, each at its fastest level.
func NewCodec(name string) (Codec, error) {
	switch name {
	case "none":
		return Codec{}, nil
	case "gzip":
		return Codec{attribute: 1, compress: gzipCompressor()}, nil
	case "snappy":
		return Codec{attribute: 2, compress: func(dst, src []byte) ([]byte, error) {
			return appendTo(dst, s2.MaxEncodedLen(len(src)), func(room []byte) []byte { return s2.EncodeSnappy(room, src) }), nil
		}}, nil
	case "lz4":
		return Codec{attribute: 3, compress: lz4Compressor()}, nil
	case "zstd":
		return zstdCodec()
	}
	return Codec{}, fmt.Errorf("compression %q is unknown: use none, gzip, snappy, lz4 or zstd", name)
}

// zstdWindow is how far back zstd looks: most of the gain at a fraction of the memory of its default.
const zstdWindow = 256 << 10

func zstdCodec() (Codec, error) {
	encoder, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(runtime.GOMAXPROCS(0)),
		zstd.WithWindowSize(zstdWindow), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return Codec{}, fmt.Errorf("prepare zstd: %w", err)
	}
	return Codec{attribute: 4, compress: func(dst, src []byte) ([]byte, error) {
		return encoder.EncodeAll(src, dst), nil
	}}, nil
}

func appendTo(dst []byte, room int, encode func([]byte) []byte) []byte {
	start := len(dst)
	if cap(dst)-start < room {
		dst = append(make([]byte, 0, start+room), dst...)
	}
	out := encode(dst[start : start+room])
	return dst[:start+len(out)]
}

func gzipCompressor() func(dst, src []byte) ([]byte, error) {
	pool := sync.Pool{New: func() any {
		w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is a constant that exists
		return w
	}}
	return func(dst, src []byte) ([]byte, error) {
		w := pool.Get().(*gzip.Writer)
		defer pool.Put(w)
		out := bytes.NewBuffer(dst)
		w.Reset(out)
		if _, err := w.Write(src); err != nil {
			return nil, fmt.Errorf("compress with gzip: %w", err)
		}
		if err := w.Close(); err != nil {
			return nil, fmt.Errorf("compress with gzip: %w", err)
		}
		return out.Bytes(), nil
	}
}

func lz4Compressor() func(dst, src []byte) ([]byte, error) {
	pool := sync.Pool{New: func() any { return lz4.NewWriter(nil) }}
	return func(dst, src []byte) ([]byte, error) {
		w := pool.Get().(*lz4.Writer)
		defer pool.Put(w)
		out := bytes.NewBuffer(dst)
		w.Reset(out)
		if err := w.Apply(lz4.BlockSizeOption(lz4.Block64Kb)); err != nil {
			return nil, fmt.Errorf("prepare lz4: %w", err)
		}
		if _, err := w.Write(src); err != nil {
			return nil, fmt.Errorf("compress with lz4: %w", err)
		}
		if err := w.Close(); err != nil {
			return nil, fmt.Errorf("compress with lz4: %w", err)
		}
		return out.Bytes(), nil
	}
}
