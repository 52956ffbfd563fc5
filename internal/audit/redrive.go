package audit

import (
	"iter"
	"slices"
	"time"
)

// BackfillRedrive puts dead letters back.
const BackfillRedrive BackfillMode = "redrive"

// Letter is a dead letter as it stands on its topic.
type Letter struct {
	DeadLetter // of a record that is too large to be kept, and of a blob, without Value

	ID        string // the same whenever the same blob or record is refused
	Partition int
	Offset    int64
	Written   time.Time // Kafka's timestamp
}

// Fetched reports whether its blob has to be downloaded to put it back.
func (l Letter) Fetched() bool { return !l.Record || len(l.Value) == 0 || !l.holdsRecord() }

// holdsRecord reports whether the event that was refused holds the record byte for byte.
func (l Letter) holdsRecord() bool {
	form := l.Form()
	return form == "" || form == "raw" || form == "incident"
}

// Hash identifies the letter in what is remembered of a redrive.
func (l Letter) Hash() Hash { return HashOf(l.ID) }

// LetterRange is a stretch of one partition of the dead letters, from one offset up to another.
type LetterRange struct {
	Partition int
	From, To  int64
}

// NewestLetters returns where the newest letter of each id stands: those before it tell of the same blob or record.
func NewestLetters(letters iter.Seq2[Letter, error]) (map[Hash]int64, error) {
	newest := map[Hash]int64{}
	for l, err := range letters {
		if err != nil {
			return nil, err
		}
		newest[l.Hash()] = l.Offset
	}
	return newest, nil
}

// RedriveFilter chooses dead letters; the zero value chooses all of them.
type RedriveFilter struct {
	Cause     Cause     `json:"cause,omitempty"`
	Since     time.Time `json:"since,omitzero"` // of the last failure
	ContentID string    `json:"content_id,omitempty"`
}

// Matches reports whether the letter is chosen.
func (f RedriveFilter) Matches(l Letter) bool {
	return (f.Cause == "" || f.Cause == l.Cause) && !l.LastFailed.Before(f.Since) && (f.ContentID == "" || f.ContentID == l.Blob.ID)
}

// RedriveProgress is what is remembered of a redrive: enough for that nothing is put back twice, neither by the same one
// after an interruption nor by a later one.
type RedriveProgress struct {
	Filter RedriveFilter `json:"filter,omitzero"`
	Ends   []int64       `json:"ends"`             // by partition: the letters before it are its business
	Done   []int64       `json:"done"`             // by partition: those before it were put back, or cannot be
	Behind []Hash        `json:"behind,omitempty"` // of those at or after Done, what was put back already

	Letters  int64    `json:"letters"`            // put back, or tried in vain
	Again    int64    `json:"again"`              // of these, what failed again
	Expired  int64    `json:"expired"`            // whose content is older than Microsoft keeps it
	Known    int64    `json:"known"`              // that another redrive had put back, or that are being tried anyway
	Examples []string `json:"examples,omitempty"` // content ids of some that expired
}

// PutBack returns how many letters were put back and did not fail again.
func (r RedriveProgress) PutBack() int64 { return r.Letters - r.Again }

// remade is how much later than the start of a redrive no letter can have been written that it has dealt with, whatever
// the clocks say: another topic of the same name was made.
const remade = time.Hour

// Covers reports whether the redrive that this is the progress of has dealt with the letter.
func (p BackfillProgress) Covers(l Letter) bool {
	r := p.Redrive
	if r == nil || l.Partition >= len(r.Ends) || l.Partition >= len(r.Done) || l.Offset >= r.Ends[l.Partition] ||
		l.Written.After(p.Started.Add(remade)) || !r.Filter.Matches(l) {
		return false
	}
	return l.Offset < r.Done[l.Partition] || slices.Contains(r.Behind, l.Hash())
}

// Clone returns a copy that shares nothing.
func (r RedriveProgress) Clone() *RedriveProgress {
	r.Ends, r.Done = slices.Clone(r.Ends), slices.Clone(r.Done)
	r.Behind, r.Examples = slices.Clone(r.Behind), slices.Clone(r.Examples)
	return &r
}
