package tree

// FirstAny is First, but members count that another one of their name hides: whoever rewrites the text itself must not
// miss them.
func (t *Tree) FirstAny(n Node) Node {
	v := t.at(n)
	if v.next <= n+1 || v.kind < Array {
		return None
	}
	return n + 1
}

// NextAny is Next for FirstAny.
func (t *Tree) NextAny(n Node) Node {
	v := t.at(n)
	if v.kind == Missing || v.flags&last != 0 {
		return None
	}
	return v.next
}

// Place returns where the value begins and ends in the text.
func (t *Tree) Place(n Node) (start, end int) {
	v := t.at(n)
	return int(v.start), int(v.end)
}
