package audit

import (
	"strings"
	"time"
)

// DeadLetter is a blob or a record that was refused for good.
type DeadLetter struct {
	Stream      Stream
	Blob        Blob
	Record      bool   // false: the whole blob
	RecordID    string // empty for a blob or a record without Id
	Ordinal     int    // position of the record in the blob
	Topic       string // of the event that was refused; empty for a blob, and if unknown
	Format      string // of the event that was refused, as its header tells; empty for a blob, and if unknown
	Several     bool   // the record may have more than one dead letter, each of another topic or format
	Value       []byte // the record's bytes; nil: the blob's reference stands for it
	Size        int64
	SHA256      string // of the record's bytes or the malformed body; empty if unknown
	Cause       Cause
	Error       string
	Attempts    int
	FirstFailed time.Time
	LastFailed  time.Time
}

// Form is the format without the version of its schema; empty if unknown.
func (d DeadLetter) Form() string {
	form, _, _ := strings.Cut(d.Format, "/")
	return form
}

// Takes reports whether the dead letter of a record takes the place of an earlier one.
func (d DeadLetter) Takes(earlier DeadLetter) bool {
	return d.Blob.ID == earlier.Blob.ID && d.Ordinal == earlier.Ordinal &&
		(!earlier.Several || d.Topic == earlier.Topic && d.Form() == earlier.Form())
}
