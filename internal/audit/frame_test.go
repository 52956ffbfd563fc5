package audit

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzFrame checks that whatever goes into a frame comes out of it.
func FuzzFrame(f *testing.F) {
	f.Add("o365.incidents", []byte("key"), true, []byte("{}"), "record_id", []byte("1"), uint32(7))
	f.Add("", []byte{}, false, []byte{}, "", []byte{}, uint32(0))
	f.Fuzz(func(t *testing.T, topic string, key []byte, keyed bool, value []byte, name string, header []byte, ordinal uint32) {
		want := Event{Topic: topic, Value: value, Ordinal: int(ordinal), Headers: []Header{{name, header}, {name + "2", value}}}
		if keyed {
			want.Key = append([]byte{}, key...)
			want.Identity = Identity{Hash: [12]byte{1, 11: byte(len(key))}, Hour: ordinal}
		}
		var p frameParser
		for range 2 {
			got, err := p.parse(append(appendFrame(nil, want), value...))
			if err != nil {
				t.Fatal(err)
			}
			if (got.Key == nil) != (want.Key == nil) {
				t.Fatalf("key %v became %v", want.Key, got.Key)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("-want +got:\n%s", diff)
			}
		}
	})
}

func TestCutFrameIsDamaged(t *testing.T) {
	frame := appendFrame(nil, sample(0, 0))
	for end := range frame { // the bytes behind the end are still there
		var p frameParser
		if e, err := p.parse(frame[:end]); !errors.Is(err, errFrame) {
			t.Errorf("%d of %d bytes are read as %+v, %v", end, len(frame), e, err)
		}
	}
}

// FuzzDamagedFrame checks that rubbish is answered with an error or an event, and never with a panic or much memory.
func FuzzDamagedFrame(f *testing.F) {
	good := append(appendFrame(nil, sample(0, 10)), sample(0, 10).Value...)
	f.Add(good)
	f.Add(append(binary.AppendUvarint(nil, uint64(len(good))), good...))
	f.Add(bytes.Repeat([]byte{0xff}, 30))
	f.Add(binary.AppendUvarint(nil, 1<<63))
	f.Fuzz(func(t *testing.T, frame []byte) {
		var p frameParser
		if e, err := p.parse(frame); err == nil && len(e.Value)+len(e.Key)+len(e.Topic) > len(frame) {
			t.Fatalf("event of a frame of %d bytes is larger than it", len(frame))
		}
		var buf []byte
		in := bufio.NewReader(bytes.NewReader(frame))
		for {
			if _, err := p.read(in, &buf, int64(len(frame))); err != nil {
				break
			}
		}
		if cap(buf) > 2*len(frame)+64 {
			t.Fatalf("%d bytes were set aside for a file of %d", cap(buf), len(frame))
		}
	})
}
