package model

import "slices"

// tape is where a run takes its choices from. The same tape makes the same run. Zero is always the dullest choice:
// everything is answered, nobody dies. A tape that is at its end goes on with zeros.
type tape struct {
	choices []byte
	at      int
}

// below returns a number below n, which is at most 256.
func (t *tape) below(n int) int {
	if t.ended() {
		return 0
	}
	t.at++
	return int(t.choices[t.at-1]) % n
}

// among256 reports whether the next choice is one of the highest n of 256.
func (t *tape) among256(n int) bool { return t.below(256) >= 256-n }

func (t *tape) ended() bool { return t.at >= len(t.choices) }

// shrink looks for a shorter and duller tape that still fails, within a number of tries.
func shrink(choices []byte, tries int, fails func([]byte) bool) []byte {
	best := slices.Clone(choices)
	better := func(candidate []byte) bool {
		if tries <= 0 {
			return false
		}
		if tries--; !fails(candidate) {
			return false
		}
		best = candidate
		return true
	}
	for before := len(best) + 1; len(best) < before && tries > 0; {
		before = len(best)
		for size := max(len(best)/2, 1); size > 0; size /= 2 {
			for from := 0; from < len(best); {
				to := min(from+size, len(best))
				zeros := slices.Clone(best)
				clear(zeros[from:to])
				if better(slices.Delete(slices.Clone(best), from, to)) {
					continue
				}
				if !slices.Equal(zeros, best) {
					better(zeros)
				}
				from = to
			}
		}
	}
	return best
}
