package chaos

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// nearby is how long before and after a finding is told of.
const nearby = 8 * time.Second

// story tells what was going on around the first findings.
func (s *stand) story(ctx context.Context, v Verdict) string {
	entries, err := readJournal(context.WithoutCancel(ctx), s.kafka.Addresses())
	var b strings.Builder
	if err != nil {
		fmt.Fprintf(&b, "journal: %v\n", err)
	}
	var told [2]time.Time // what the last finding told of
	for _, f := range v.Findings {
		moments := s.trace(&b, f, entries)
		from := slices.MinFunc(moments, time.Time.Compare).Add(-nearby)
		to := slices.MaxFunc(moments, time.Time.Compare).Add(nearby)
		if !from.Before(told[0]) && !to.After(told[1].Add(nearby/2)) {
			continue
		}
		told = [2]time.Time{from, to}
		all := append(s.told.happenings(), owners(s.all, f.ContentType)...)
		b.WriteString(around(s.told.began, all, from, to))
	}
	return b.String()
}

// trace tells where a finding's record was delivered and what the journal says of its blob, and returns when.
func (s *stand) trace(b *strings.Builder, f Finding, entries []journalEntry) (moments []time.Time) {
	after := func(t time.Time) float64 { return t.Sub(s.told.began).Seconds() }
	fmt.Fprintf(b, "%s: record %q of blob %s of %s, created %s (%.1f s)\n", f.What, f.Record, f.Blob, f.ContentType,
		f.Created.Format(time.RFC3339Nano), after(f.Created))
	for _, p := range f.Places {
		fmt.Fprintf(b, "  %8.1f s delivered: %s\n", after(p.At), p)
		moments = append(moments, p.At)
	}
	for _, e := range entries {
		if e.about(f.Blob) {
			fmt.Fprintf(b, "  %8.1f s journal: %s\n", after(e.Time), e.tell(f.Blob))
			moments = append(moments, e.Time)
		}
	}
	if len(moments) == 0 {
		moments = append(moments, f.Created)
	}
	return moments
}
