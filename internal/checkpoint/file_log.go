package checkpoint

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"o365-kafka-connector/internal/audit"
)

// logLine is one line of a stream's log: exactly one field is set. The log starts with a base, which is followed by
// the ledger that it counts; what comes after is applied to it line by line.
type logLine struct {
	Base     *baseDocument     `json:"base,omitempty"`
	Ledger   *ledgerDocument   `json:"ledger,omitempty"`
	Epoch    int64             `json:"epoch,omitempty"`
	Entry    *entryDocument    `json:"entry,omitempty"`
	Progress *progressDocument `json:"progress,omitempty"`
}

// baseDocument is a whole checkpoint without the ledger. Times are in microseconds since 1970.
type baseDocument struct {
	Schema     int64             `json:"schema"`
	Present    bool              `json:"present"` // false: only the epoch counts
	N          int64             `json:"n"`
	Epoch      int64             `json:"epoch"`
	Position   int64             `json:"position"`
	Last       string            `json:"last"` // hash of entry N
	FirstStart int64             `json:"first_start"`
	Progress   progressDocument  `json:"progress"`
	Pending    []pendingDocument `json:"pending,omitempty"`
	Gaps       []gapDocument     `json:"gaps,omitempty"`
	Desired    desiredDocument   `json:"desired"`
	Moved      string            `json:"moved,omitempty"`
	Snapshot   int64             `json:"snapshot,omitempty"` // time of the last one
	Ledger     int               `json:"ledger"`             // number of hashes that follow

	Backfills []audit.BackfillProgress `json:"backfills,omitempty"`
}

// ledgerDocument holds the hashes that were marked in the same second.
type ledgerDocument struct {
	At     uint32       `json:"at"`
	Hashes []audit.Hash `json:"hashes"`
}

// progressDocument is a stream's progress in microseconds since 1970.
type progressDocument struct {
	Watermark      int64 `json:"watermark"`
	Swept          int64 `json:"swept"`
	SweptFully     int64 `json:"swept_fully"`
	SubscribeTried int64 `json:"subscribe_tried"`
	HeadFrom       int64 `json:"head_from,omitempty"`
	HeadTo         int64 `json:"head_to,omitempty"`
}

func storeProgress(p audit.Progress) *progressDocument {
	return &progressDocument{
		Watermark: micros(p.Watermark), Swept: micros(p.Swept), SweptFully: micros(p.SweptFully),
		SubscribeTried: micros(p.SubscribeTried), HeadFrom: micros(p.Head.Start), HeadTo: micros(p.Head.End),
	}
}

func (d progressDocument) progress() audit.Progress {
	return audit.Progress{
		Watermark: fromMicros(d.Watermark), Swept: fromMicros(d.Swept), SweptFully: fromMicros(d.SweptFully),
		SubscribeTried: fromMicros(d.SubscribeTried),
		Head:           audit.Window{Start: fromMicros(d.HeadFrom), End: fromMicros(d.HeadTo)},
	}
}

// decodeLine reads a line with its line feed.
func decodeLine(line []byte) (logLine, error) {
	var l logLine
	if len(line) == 0 || line[len(line)-1] != '\n' {
		return l, io.ErrUnexpectedEOF
	}
	if err := json.Unmarshal(line, &l); err != nil {
		return l, err
	}
	set := 0
	for _, is := range []bool{l.Base != nil, l.Ledger != nil, l.Epoch != 0, l.Entry != nil, l.Progress != nil} {
		if is {
			set++
		}
	}
	if set != 1 {
		return l, fmt.Errorf("decode checkpoint: line with %d parts, want 1", set)
	}
	return l, nil
}

// readLog folds a log into a state and returns how many bytes of it count. What a crash leaves at the end, an
// unfinished line, does not; lines that follow upon a bad one mean damage.
func readLog(r io.Reader) (*fileState, int64, error) {
	s := newFileState()
	in := bufio.NewReaderSize(r, 1<<20)
	var good int64
	for {
		line, err := in.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, 0, err
		}
		if len(line) == 0 {
			break
		}
		decoded, bad := decodeLine(line)
		if bad != nil {
			if moreLines(in) {
				s.lose("a line in the middle of its log cannot be read")
			}
			break
		}
		if err := s.fold(decoded); err != nil {
			return nil, 0, err
		}
		good += int64(len(line))
	}
	if s.missing > 0 {
		s.lose("its log ends in the middle of the ledger")
	}
	return s, good, nil
}

// moreLines reports whether what is left of the log holds a line that was written after the bad one.
func moreLines(in *bufio.Reader) bool {
	for {
		line, err := in.ReadBytes('\n')
		if _, bad := decodeLine(line); bad == nil {
			return true
		}
		if err != nil {
			return false
		}
	}
}

// writeBase writes the state as the beginning of a log and returns its length.
func writeBase(w io.Writer, s *fileState) (int64, error) {
	out := bufio.NewWriterSize(w, 1<<20)
	var size int64
	write := func(l logLine) error {
		text, err := json.Marshal(l)
		if err != nil {
			return fmt.Errorf("encode checkpoint: %w", err)
		}
		size += int64(len(text)) + 1
		_, err = out.Write(append(text, '\n'))
		return err
	}
	if err := write(logLine{Base: s.base()}); err != nil {
		return 0, err
	}
	for _, part := range s.ledgerParts() {
		if err := write(logLine{Ledger: &part}); err != nil {
			return 0, err
		}
	}
	return size, out.Flush()
}
