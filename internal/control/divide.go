package control

import "math"

// maxDivided bounds the streams that are divided among three members in all possible ways. With more of them there are
// partitions enough for two members at a time.
const maxDivided = 60

// bestPair looks for two members whose partitions can be divided between them more evenly.
func (b *board) bestPair() shift {
	best := shift{}
	b.uneven(func(one, two int) {
		best = better(best, b.divide(one, two))
	})
	return best
}

// bestTriple looks for two members that can be evened out with the help of a third one, which has what fits or knows
// the streams of both.
func (b *board) bestTriple() shift {
	best := shift{}
	b.uneven(func(one, two int) {
		for three := range b.load {
			if three != one && three != two && b.load[one]+b.load[two]+b.load[three] <= maxDivided {
				best = better(best, b.divide(one, two, three))
			}
		}
	})
	return best
}

// uneven calls a function with all pairs of members whose loads could come closer.
func (b *board) uneven(each func(one, two int)) {
	for one := range b.load {
		for two := range b.load {
			if b.load[one]-b.load[two] > 1 {
				each(one, two)
			}
		}
	}
}

// division tries all loads that members can have, by dynamic programming. A state is the loads of all members but the
// last, as the digits of a number; the last member's load is what is missing to the sum.
type division struct {
	*board
	members []int
	pool    []int // the partitions to be divided
	digit   []int // what a state grows by if the load of a member grows by one
	states  int
	// After each number of partitions, for each state: how few streams leave their home, and who got the last one.
	moved [][]int
	taker [][]int8
}

const impossible = math.MaxInt

// divide divides the partitions of a few members among them as evenly as can be, and of all such ways in the one that
// moves the fewest streams.
func (b *board) divide(members ...int) shift {
	d := &division{board: b, members: members, states: 1, digit: make([]int, len(members))}
	total, before := 0, 0
	for _, m := range members {
		total += b.load[m]
		before += b.load[m] * b.load[m]
	}
	for i := range len(members) - 1 {
		d.digit[i] = d.states
		d.states *= total + 1
	}
	for p, m := range b.owner {
		for _, member := range members {
			if b.weight[p] > 0 && m == member {
				d.pool = append(d.pool, p)
			}
		}
	}
	d.fill()
	last, least := d.moved[len(d.pool)], before
	best := nobody
	for state, moved := range last {
		if moved == impossible {
			continue
		}
		squares := d.squares(state, total)
		if squares < least || squares == least && best != nobody && moved < last[best] {
			best, least = state, squares
		}
	}
	if best == nobody {
		return shift{}
	}
	return shift{to: d.path(best), gain: (before - least) / 2, moved: last[best]}
}

// fill finds all states that can be reached.
func (d *division) fill() {
	d.moved, d.taker = make([][]int, len(d.pool)+1), make([][]int8, len(d.pool)+1)
	for n := range d.moved {
		d.moved[n], d.taker[n] = make([]int, d.states), make([]int8, d.states)
		for state := range d.moved[n] {
			d.moved[n][state] = impossible
		}
	}
	d.moved[0][0] = 0
	for n, p := range d.pool {
		for state, moved := range d.moved[n] {
			if moved == impossible {
				continue
			}
			for i, m := range d.members {
				next, cost := state+d.weight[p]*d.digit[i], moved+d.away(p, m)
				if d.eligible[p][m] && cost < d.moved[n+1][next] {
					d.moved[n+1][next], d.taker[n+1][next] = cost, int8(i)
				}
			}
		}
	}
}

// squares returns the sum of the squares of the loads.
func (d *division) squares(state, total int) int {
	sum, rest := 0, total
	for range len(d.members) - 1 {
		load := state % (total + 1)
		state /= total + 1
		sum += load * load
		rest -= load
	}
	return sum + rest*rest
}

// path tells who gets what on the way to a state.
func (d *division) path(state int) map[int]int {
	to := map[int]int{}
	for n := len(d.pool); n > 0; n-- {
		p, i := d.pool[n-1], d.taker[n][state]
		to[p] = d.members[i]
		state -= d.weight[p] * d.digit[i]
	}
	return to
}
