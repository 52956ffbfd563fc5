package config

import (
	"fmt"
	"strings"
)

// suggest names the key that is most like an unknown one, or all keys if none is.
func suggest(unknown string, known []string) string {
	best, distance := "", len(unknown)/3+2
	for _, k := range known {
		if d := editDistance(strings.ToLower(unknown), k); d < distance {
			best, distance = k, d
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %s?", best)
	}
	return "use one of " + strings.Join(known, ", ")
}

// editDistance counts the insertions, deletions and replacements that turn a into b.
func editDistance(a, b string) int {
	if len(a) > 64 {
		return len(a) // no key is that long
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j]+1, row[j+1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
