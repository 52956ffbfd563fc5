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
	for _, f := range v.Findings {
		fmt.Fprintf(&b, "%s: record %q of blob %s of %s, created %s (%.1f s)\n", f.What, f.Record, f.Blob, f.ContentType,
			f.Created.Format(time.RFC3339Nano), f.Created.Sub(s.told.began).Seconds())
		moments := []time.Time{}
		for _, p := range f.Places {
			fmt.Fprintf(&b, "  %8.1f s delivered: %s\n", p.At.Sub(s.told.began).Seconds(), p)
			moments = append(moments, p.At)
		}
		for _, e := range entries {
			if e.about(f.Blob) {
				fmt.Fprintf(&b, "  %8.1f s journal: %s\n", e.Time.Sub(s.told.began).Seconds(), e.tell(f.Blob))
				moments = append(moments, e.Time)
			}
		}
		if len(moments) == 0 {
			moments = append(moments, f.Created)
		}
		first, last := slices.MinFunc(moments, time.Time.Compare), slices.MaxFunc(moments, time.Time.Compare)
		all := append(s.told.happenings(), owners(s.all, f.ContentType)...)
		b.WriteString(around(s.told.began, all, first.Add(-nearby), last.Add(nearby)))
	}
	return b.String()
}
