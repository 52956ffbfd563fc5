package txn

import (
	"encoding/binary"
	"hash/crc32"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// session is what InitProducerId gives: sequences count within it.
type session struct {
	id            int64
	epoch         int16
	transactional bool
}

// transactionalBit marks a batch that counts only once its transaction is committed.
const transactionalBit = 0x10

// stamp makes the batch ready to send within a session. Stamped again for another session, bytes that an abandoned
// connection may still be reading are left alone.
func (b *Batch) stamp(s session, sequence int32, codec Codec) error {
	if b.stamped && b.session == s && b.sequence == sequence {
		return nil
	}
	if b.wire == nil {
		if err := b.pack(codec); err != nil {
			return err
		}
	}
	if b.lent {
		b.wire, b.lent = append([]byte(nil), b.wire...), false
		b.packed = nil
	}
	w := b.wire
	w[offAttributes+1] &^= transactionalBit
	if s.transactional {
		w[offAttributes+1] |= transactionalBit
	}
	binary.BigEndian.PutUint64(w[offProducer:], uint64(s.id))
	binary.BigEndian.PutUint16(w[offEpoch:], uint16(s.epoch))
	binary.BigEndian.PutUint32(w[offSequence:], uint32(sequence))
	binary.BigEndian.PutUint32(w[offCRC:], crc32.Checksum(w[offAttributes:], castagnoli))
	b.session, b.sequence, b.stamped, b.doubt = s, sequence, true, false
	return nil
}

// pack compresses the records and fills in the head, but for what belongs to the session.
func (b *Batch) pack(codec Codec) error {
	b.wire = b.raw
	if codec.compress != nil {
		packed, err := codec.compress(append(b.packed[:0], b.raw[:headSize]...), b.raw[headSize:])
		if err != nil {
			return err
		}
		b.wire, b.packed = packed, packed
	}
	w := b.wire
	binary.BigEndian.PutUint32(w[offLength:], uint32(len(w)-12))
	w[offMagic] = 2
	binary.BigEndian.PutUint16(w[offAttributes:], codec.attribute)
	binary.BigEndian.PutUint32(w[offLastDelta:], uint32(len(b.starts)-1))
	binary.BigEndian.PutUint32(w[offCount:], uint32(len(b.starts)))
	return nil
}
