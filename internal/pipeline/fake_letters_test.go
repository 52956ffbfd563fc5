package pipeline

import (
	"context"
	"fmt"
	"iter"

	"o365-kafka-connector/internal/audit"
)

// fakeLetters are the dead letters of the fake sink, in the second of three partitions.
type fakeLetters struct{ *world }

func (l fakeLetters) Ends(context.Context) ([]int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return []int64{0, int64(len(l.letters)), 0}, l.lettersErr
}

func (l fakeLetters) Read(_ context.Context, s audit.Stream, r audit.LetterRange) iter.Seq2[audit.Letter, error] {
	return func(yield func(audit.Letter, error) bool) {
		for i := r.From; i < r.To; i++ {
			l.mu.Lock()
			d := l.letters[i]
			l.mu.Unlock()
			letter := audit.Letter{DeadLetter: d, ID: d.Blob.ID, Partition: r.Partition, Offset: i, Written: d.LastFailed}
			if d.Record {
				letter.ID = fmt.Sprint(d.Blob.ID, "#", d.Ordinal)
			}
			if !yield(letter, nil) {
				return
			}
		}
	}
}
