package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// String is the report for people.
func (r Report) String() string {
	var b strings.Builder
	v, total := r.Verdict, 0
	for _, n := range r.Faults {
		total += n
	}
	fmt.Fprintf(&b, "seed %d: %d faults in %s, %d connector processes, of which %d ended by themselves\n", r.Seed, total,
		r.Took.Round(time.Second), r.Starts, r.Fallen)
	for _, kind := range slices.Sorted(maps.Keys(r.Faults)) {
		fmt.Fprintf(&b, "  %4d %s\n", r.Faults[kind], kind)
	}
	fmt.Fprintf(&b, "records: offered %d in %d blobs, delivered %d, LOST %d, REPEATED %d, never offered %d\n",
		v.Offered, v.Blobs, v.Delivered, v.Lost, v.Repeated, v.Foreign)
	if v.Dropped > 0 {
		fmt.Fprintf(&b, "copies in other blobs: dropped %d, delivered %d\n", v.Dropped, v.Copies)
	}
	fmt.Fprintf(&b, "dead letters: expected %d, there %d, lost %d, repeated %d, unexplained %d\n",
		v.Gone, v.Letters, v.LettersLost, v.LettersRepeated, v.LettersUnexplained)
	fmt.Fprintf(&b, "gaps: told %d, lost %d, unexplained %d\n", v.Gaps, v.GapsLost, v.GapsUnexplained)
	if r.Story != "" {
		b.WriteString("\nthe first findings, and what was going on:\n" + r.Story)
		fmt.Fprintf(&b, "logs are in %s\n", r.Dir)
	}
	return b.String()
}
