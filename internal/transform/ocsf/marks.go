package ocsf

import "o365-kafka-connector/internal/transform/tree"

// mark says what became of a value of the record.
type mark uint8

const (
	unused   mark = iota // nothing took it: it goes to unmapped
	partly               // something within was taken
	labelled             // it names what was taken: of use only beside something else
	taken
)

// marks tell what goes to unmapped.
type marks struct {
	of    []mark
	set   []tree.Node // every node with a mark
	order []tree.Node // the nodes that are taken, in the order of the taking
}

func (m *marks) reset() {
	for _, n := range m.set {
		m.of[n] = unused
	}
	m.set, m.order = m.set[:0], m.order[:0]
}

func (m *marks) at(n tree.Node) mark {
	if int(n) >= len(m.of) {
		return unused
	}
	return m.of[n]
}

func (m *marks) put(n tree.Node, to mark) {
	for int(n) >= len(m.of) {
		m.of = append(m.of, make([]mark, max(256, int(n)))...)
	}
	if m.of[n] == unused {
		m.set = append(m.set, n)
	}
	m.of[n] = to
}

func (m *marks) part(n tree.Node) {
	if m.at(n) == unused {
		m.put(n, partly)
	}
}

func (m *marks) label(n tree.Node) {
	if m.at(n) == unused {
		m.put(n, labelled)
	}
}

func (m *marks) take(n tree.Node) {
	if m.at(n) != taken {
		m.put(n, taken)
		m.order = append(m.order, n)
	}
}

// giveBack undoes what was taken after there were that many.
func (m *marks) giveBack(count int) {
	for _, n := range m.order[count:] {
		m.of[n] = partly
	}
	m.order = m.order[:count]
}
