package txn

import (
	"bytes"
	"hash/crc32"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The vectors of Kafka's own UtilsTest.testMurmur2.
func TestMurmur2IsJavas(t *testing.T) {
	for text, want := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string":                       -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
		"abc": 479470107,
	} {
		if got := int32(murmur2([]byte(text))); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	if got := PartitionOf([]byte("21"), 12); got != (-973932308&0x7fffffff)%12 {
		t.Errorf("partition %d", got)
	}
}

func unpack(t testing.TB, attribute int16, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var err error
	switch attribute {
	case 0:
		return b
	case 1:
		r, e := gzip.NewReader(bytes.NewReader(b))
		if e != nil {
			t.Fatal(e)
		}
		_, err = out.ReadFrom(r)
	case 2:
		plain, e := s2.Decode(nil, b)
		out.Write(plain)
		err = e
	case 3:
		_, err = out.ReadFrom(lz4.NewReader(bytes.NewReader(b)))
	case 4:
		d, e := zstd.NewReader(bytes.NewReader(b))
		if e != nil {
			t.Fatal(e)
		}
		defer d.Close()
		_, err = out.ReadFrom(d)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// read decodes what is sent with another implementation.
func read(t testing.TB, wire []byte) (kmsg.RecordBatch, []kmsg.Record) {
	t.Helper()
	var rb kmsg.RecordBatch
	if err := rb.ReadFrom(wire); err != nil {
		t.Fatal(err)
	}
	if int(rb.Length) != len(wire)-12 || uint32(rb.CRC) != crc32.Checksum(wire[21:], crc32.MakeTable(crc32.Castagnoli)) {
		t.Fatalf("length %d of %d bytes, or checksum", rb.Length, len(wire))
	}
	rest := unpack(t, rb.Attributes&7, rb.Records)
	var out []kmsg.Record
	for len(rest) > 0 {
		var r kmsg.Record
		length, n := kmsgVarint(rest)
		if err := r.ReadFrom(rest[:n+int(length)]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n+int(length):]
		out = append(out, r)
	}
	return rb, out
}

func kmsgVarint(b []byte) (int32, int) {
	var u uint64
	for i, c := range b {
		u |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			return int32(u>>1) ^ -int32(u&1), i + 1
		}
	}
	return 0, len(b)
}

func TestBatchesAreReadByOthers(t *testing.T) {
	now := time.UnixMilli(1767225600123)
	for _, name := range Codecs() {
		t.Run(name, func(t *testing.T) {
			codec, err := NewCodec(name)
			if err != nil {
				t.Fatal(err)
			}
			b := NewBatch(Partition{"t", 3}, now)
			var h Headers
			h.Add("a", []byte("1"))
			h.Add("b", nil)
			want := []Record{
				{Key: []byte("k"), Value: []byte("v"), Headers: &h},
				{Value: []byte{}},
				{Key: []byte{}},
				{Key: []byte("k"), Value: bytes.Repeat([]byte("x"), 200000)},
			}
			for range 100 {
				want = append(want, Record{Key: []byte("key"), Value: []byte("value"), Headers: &h})
			}
			for _, r := range want {
				b.Append(r)
			}
			if err := b.stamp(session{id: 77, epoch: 5}, 1234, codec); err != nil {
				t.Fatal(err)
			}
			rb, got := read(t, b.wire)
			if rb.Magic != 2 || rb.ProducerID != 77 || rb.ProducerEpoch != 5 || rb.FirstSequence != 1234 ||
				int(rb.NumRecords) != len(want) || int(rb.LastOffsetDelta) != len(want)-1 ||
				rb.FirstTimestamp != now.UnixMilli() || rb.MaxTimestamp != now.UnixMilli() {
				t.Errorf("head %+v", rb)
			}
			for i, r := range got {
				if int(r.OffsetDelta) != i || !bytes.Equal(r.Key, want[i].Key) || !bytes.Equal(r.Value, want[i].Value) ||
					(r.Key == nil) != (want[i].Key == nil) || (r.Value == nil) != (want[i].Value == nil) {
					t.Fatalf("record %d: %.80v", i, r)
				}
				if want[i].Headers != nil && (len(r.Headers) != 2 || r.Headers[0].Key != "a" || string(r.Headers[0].Value) != "1" || r.Headers[1].Key != "b" || r.Headers[1].Value != nil) {
					t.Fatalf("headers of %d: %+v", i, r.Headers)
				}
			}
			b.Release()
		})
	}
}

func TestSlicesHoldTheirRecords(t *testing.T) {
	b := NewBatch(Partition{"t", 0}, time.UnixMilli(1000))
	var h Headers
	h.Add("record_id", []byte("id"))
	for i := range 300 {
		b.Append(Record{Key: []byte{byte(i)}, Value: bytes.Repeat([]byte{byte(i)}, i), Headers: &h})
	}
	for _, cut := range [][2]int{{0, 150}, {150, 300}, {299, 300}, {0, 300}} {
		s := b.Slice(cut[0], cut[1])
		if err := s.stamp(session{}, 0, Codec{}); err != nil {
			t.Fatal(err)
		}
		rb, got := read(t, s.wire)
		if len(got) != cut[1]-cut[0] || rb.FirstTimestamp != 1000 {
			t.Fatalf("%v: %d records", cut, len(got))
		}
		for i, r := range got {
			if r.Key[0] != byte(cut[0]+i) || len(r.Value) != cut[0]+i || int(r.OffsetDelta) != i || len(r.Headers) != 1 {
				t.Fatalf("%v, record %d: %+v", cut, i, r)
			}
		}
	}
	if id, ok := b.Header(7, "record_id"); !ok || string(id) != "id" {
		t.Errorf("header %q, %v", id, ok)
	}
	if _, ok := b.Header(7, "absent"); ok {
		t.Error("found a header that is not there")
	}
}

// An attempt that was given up may still be read by its connection when the batch gets another session.
func TestAnotherSessionLeavesLentBytesAlone(t *testing.T) {
	for _, name := range []string{"none", "zstd"} {
		codec, err := NewCodec(name)
		if err != nil {
			t.Fatal(err)
		}
		b := NewBatch(Partition{"t", 0}, time.Now())
		b.Append(Record{Value: []byte("v")})
		if err := b.stamp(session{id: 1}, 5, codec); err != nil {
			t.Fatal(err)
		}
		lent, before := b.wire, bytes.Clone(b.wire)
		b.lent = true
		if err := b.stamp(session{id: 1}, 5, codec); err != nil || &b.wire[0] != &lent[0] {
			t.Errorf("%s: the same session copies: %v", name, err)
		}
		if err := b.stamp(session{id: 2}, 0, codec); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(before, lent); d != "" {
			t.Errorf("%s: lent bytes changed: %s", name, d)
		}
		if rb, _ := read(t, b.wire); rb.ProducerID != 2 || rb.FirstSequence != 0 {
			t.Errorf("%s: head %+v", name, rb)
		}
	}
}

func TestSequencesWrap(t *testing.T) {
	if got := nextSequence(math.MaxInt32-1, 3); got != 1 {
		t.Errorf("sequence %d, want 1", got)
	}
	if got := nextSequence(math.MaxInt32, 1); got != 0 {
		t.Errorf("sequence %d, want 0", got)
	}
}

func FuzzBatch(f *testing.F) {
	f.Add([]byte("k"), []byte("v"), "h", []byte("x"), uint8(3))
	f.Fuzz(func(t *testing.T, key, value []byte, name string, header []byte, n uint8) {
		b := NewBatch(Partition{"t", 0}, time.UnixMilli(1))
		defer b.Release()
		var h Headers
		h.Add(name, header)
		for range int(n) + 1 {
			b.Append(Record{Key: key, Value: value, Headers: &h})
		}
		if err := b.stamp(session{}, 0, Codec{}); err != nil {
			t.Fatal(err)
		}
		if _, got := read(t, b.wire); len(got) != int(n)+1 || !bytes.Equal(got[n].Value, value) || got[n].Headers[0].Key != name {
			t.Errorf("read %d records", len(got))
		}
		k, v := b.Value(int(n))
		if hv, ok := b.Header(int(n), name); !bytes.Equal(k, key) || !bytes.Equal(v, value) || !ok || !bytes.Equal(hv, header) {
			t.Errorf("key %q, value %q, header %q", k, v, hv)
		}
	})
}
