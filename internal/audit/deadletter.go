package audit

import "time"

// DeadLetter is a blob or a record that was refused for good.
type DeadLetter struct {
	Stream      Stream
	Blob        Blob
	Record      bool   // false: the whole blob
	RecordID    string // empty for a blob or a record without Id
	Ordinal     int    // position of the record in the blob
	Topic       string // of the event that was refused; empty for a blob, and if unknown
	Format      string // of the event that was refused, as its header tells; empty for a blob, and if unknown
	Several     bool   // the record may have more than one dead letter, each of another topic
	Value       []byte // the record's bytes; nil: the blob's reference stands for it
	Size        int64
	SHA256      string // of the record's bytes or the malformed body; empty if unknown
	Cause       Cause
	Error       string
	Attempts    int
	FirstFailed time.Time
	LastFailed  time.Time
}
