package control

import (
	"cmp"
	"slices"
)

// candidate is a member that partitions can be given to.
type candidate struct {
	id         string // unique
	instance   string
	known      []string // keys of the streams that it is configured for
	generation int32    // in which it held
	held       []int
}

// share gives every partition to one candidate and returns the partitions of each. The answer depends on what is given
// and not on its order, so that it does not matter which member is the leader.
//
// A partition goes only to a candidate that knows all its streams. If there is none, it goes to one that knows most of
// them, because its commands have to be read by somebody. Partitions stay where they were unless a move brings the
// numbers of streams closer together; what has no stream then evens out the numbers of partitions.
func share(candidates []candidate, partitions int) map[string][]int {
	out := map[string][]int{}
	for _, c := range candidates {
		out[c.id] = []int{}
	}
	if len(candidates) == 0 {
		return out
	}
	candidates = slices.Clone(candidates)
	slices.SortFunc(candidates, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.instance, b.instance), cmp.Compare(a.id, b.id))
	})
	b := newBoard(candidates, partitions)
	b.place()
	b.level()
	b.placeEmpty()
	for p, m := range b.owner {
		out[candidates[m].id] = append(out[candidates[m].id], p)
	}
	return out
}

const nobody = -1

// board is an assignment in the making. Members are numbers here.
type board struct {
	weight   []int    // of each partition: its streams
	eligible [][]bool // by partition and member
	home     []int    // of each partition: who held it last, if that member may keep it
	owner    []int    // of each partition
	load     []int    // of each member: its streams
	count    []int    // of each member: its partitions
}

func newBoard(candidates []candidate, partitions int) *board {
	b := &board{
		weight: make([]int, partitions), eligible: make([][]bool, partitions),
		owner: make([]int, partitions),
		load:  make([]int, len(candidates)), count: make([]int, len(candidates)),
	}
	cover := coverage(candidates, b.weight)
	for p := range partitions {
		b.eligible[p] = make([]bool, len(candidates))
		best := slices.Max(cover[p])
		for m, n := range cover[p] {
			b.eligible[p][m] = n == best
		}
		b.owner[p] = nobody
	}
	b.home = homes(candidates, b.eligible)
	return b
}

// coverage fills in how many streams each partition has, and returns how many of them each candidate knows.
func coverage(candidates []candidate, weight []int) [][]int {
	cover := make([][]int, len(weight))
	for p := range cover {
		cover[p] = make([]int, len(candidates))
	}
	seen := map[string]bool{}
	for m, c := range candidates {
		for _, key := range c.known {
			p := shardOf(key, len(weight))
			cover[p][m]++
			if !seen[key] {
				seen[key] = true
				weight[p]++
			}
		}
	}
	return cover
}

// homes finds who held the partitions. If several say so, the latest generation counts.
func homes(candidates []candidate, eligible [][]bool) []int {
	home := make([]int, len(eligible))
	for p := range home {
		home[p] = nobody
	}
	for m, c := range candidates {
		for _, p := range c.held {
			if p < len(home) && (home[p] == nobody || candidates[home[p]].generation < c.generation) {
				home[p] = m
			}
		}
	}
	for p, m := range home {
		if m != nobody && !eligible[p][m] {
			home[p] = nobody
		}
	}
	return home
}

func (b *board) put(p, m int) {
	if old := b.owner[p]; old != nobody {
		b.load[old] -= b.weight[p]
		b.count[old]--
	}
	b.owner[p] = m
	b.load[m] += b.weight[p]
	b.count[m]++
}

// place leaves what has streams at home, and gives the rest, heaviest first, to whom has least.
func (b *board) place() {
	var homeless []int
	for p, w := range b.weight {
		switch {
		case w == 0:
		case b.home[p] != nobody:
			b.put(p, b.home[p])
		default:
			homeless = append(homeless, p)
		}
	}
	slices.SortStableFunc(homeless, func(p, q int) int { return cmp.Compare(b.weight[q], b.weight[p]) })
	for _, p := range homeless {
		least := nobody
		for m := range b.load {
			if b.eligible[p][m] && (least == nobody || cmp.Or(cmp.Compare(b.load[m], b.load[least]), cmp.Compare(b.count[m], b.count[least])) < 0) {
				least = m
			}
		}
		b.put(p, least)
	}
}

// placeEmpty shares out the partitions without streams, so that all have about the same number of partitions.
func (b *board) placeEmpty() {
	var empty []int
	for p, w := range b.weight {
		if w == 0 {
			empty = append(empty, p)
			if b.home[p] != nobody {
				b.put(p, b.home[p])
			}
		}
	}
	least := func() int { return slices.Index(b.count, slices.Min(b.count)) }
	for _, p := range empty {
		if b.owner[p] == nobody {
			b.put(p, least())
		}
	}
	for _, p := range empty {
		if m := least(); b.count[b.owner[p]]-b.count[m] > 1 {
			b.put(p, m)
		}
	}
}
