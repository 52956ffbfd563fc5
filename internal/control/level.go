package control

// shift gives partitions to other members.
type shift struct {
	to    map[int]int // partition to member
	gain  int         // by how much the sum of the squares of the loads falls; half of it
	moved int         // streams that leave their home
}

// level applies the best shift until none brings the loads closer together. Loads that differ by one stay.
func (b *board) level() {
	for {
		best := b.bestMove()
		if best.gain == 0 {
			best = b.bestPair()
		}
		if best.gain == 0 {
			best = b.bestTriple()
		}
		if best.gain == 0 {
			return
		}
		for p, m := range best.to {
			b.put(p, m)
		}
	}
}

// better keeps the greater gain, and of equal ones that which moves fewer streams away from home.
func better(a, b shift) shift {
	if b.gain > a.gain || b.gain == a.gain && b.moved < a.moved {
		return b
	}
	return a
}

// away returns the streams that have to move if the partition goes to a member.
func (b *board) away(p, m int) int {
	if b.home[p] == m {
		return 0
	}
	return b.weight[p]
}

// bestMove looks for one partition that its owner gives to another member.
func (b *board) bestMove() shift {
	best := shift{}
	for p, w := range b.weight {
		if w == 0 {
			continue
		}
		from := b.owner[p]
		for to := range b.load {
			if !b.eligible[p][to] {
				continue
			}
			if gain := w * (b.load[from] - b.load[to] - w); gain > 0 {
				best = better(best, shift{to: map[int]int{p: to}, gain: gain, moved: b.away(p, to)})
			}
		}
	}
	return best
}
