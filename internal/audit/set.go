package audit

// set is a set of small numbers that takes a bit for each, up to the largest.
type set []uint64

const bitsOfWord = 64

func (s *set) add(n int) {
	for len(*s) <= n/bitsOfWord {
		*s = append(*s, 0)
	}
	(*s)[n/bitsOfWord] |= 1 << (n % bitsOfWord)
}

func (s set) has(n int) bool {
	return n/bitsOfWord < len(s) && s[n/bitsOfWord]&(1<<(n%bitsOfWord)) != 0
}
