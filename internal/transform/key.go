package transform

import (
	"fmt"
	"strconv"

	"o365-kafka-connector/internal/audit"
)

// Key says what an event's Kafka key is, and so what shares a partition.
type Key string

// The keys.
const (
	KeyRecordID Key = "record_id" // the record's Id, so that consumers and compaction see duplicates
	KeyUser     Key = "user"      // its UserId; a record without one has the key of record_id, which spreads them
	KeyTenant   Key = "tenant"    // the tenant's GUID
	KeyNone     Key = "none"      // no key at all
)

// ParseKey reads the kind of key that the configuration names.
func ParseKey(s string) (Key, error) {
	switch k := Key(s); k {
	case KeyRecordID, KeyUser, KeyTenant, KeyNone:
		return k, nil
	default:
		return "", fmt.Errorf("key %q is unknown: use %s, %s, %s or %s", s, KeyRecordID, KeyUser, KeyTenant, KeyNone)
	}
}

// key returns the event's key; it aliases the record or the transformer.
func (t *Transformer) key(b audit.Blob, r *audit.Record) []byte {
	switch t.keyKind {
	case KeyNone:
		return nil
	case KeyTenant:
		return t.tenantKey
	case KeyRecordID:
	case KeyUser:
		if user := r.Text(audit.FieldUserID); len(user) > 0 {
			return user
		}
	}
	return t.recordKey(b, r)
}

// recordKey names the record: by its Id, or by its place for a record without one.
func (t *Transformer) recordKey(b audit.Blob, r *audit.Record) []byte {
	if id := r.Text(audit.FieldID); len(id) > 0 {
		return id
	}
	t.place = append(t.place[:0], b.ID...)
	t.place = append(t.place, '#')
	t.place = strconv.AppendInt(t.place, int64(r.Ordinal), 10)
	return t.place
}
