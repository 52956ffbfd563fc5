package redact

import (
	"bytes"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/transform/tree"
)

// rewriter copies a JSON text and leaves out what is to be redacted.
type rewriter struct {
	rules *Rules
	tree  tree.Tree
	mac   *mac
	inner *rewriter // of JSON in texts
	depth int       // how deep it is within texts

	text []byte
	out  []byte
	at   int // up to where the text stands in out, as far as it is to
	name []byte

	outermost bool // members are fields of the record
	edits     int
	fields    [audit.FieldCount]change
}

// change is what became of a field of the record.
type change struct {
	what       what
	start, end int // of its new value in out
}

type what uint8

const (
	same what = iota
	gone
	other
)

func newRewriter(r *Rules, depth int) *rewriter {
	return &rewriter{rules: r, mac: newMAC(r.secret), depth: depth}
}

// rewrite returns a text as it may be seen, and whether that differs. What it returns stands until the next call.
func (x *rewriter) rewrite(text []byte, r *rule, outermost bool) (out []byte, changed bool, err error) {
	if err := x.tree.Parse(text); err != nil {
		return nil, false, err
	}
	if cap(x.out) > keepBuffer {
		x.out = nil
	}
	x.text, x.out, x.at, x.edits = text, x.out[:0], 0, 0
	x.outermost, x.fields = outermost, [audit.FieldCount]change{}
	root := x.tree.Root()
	if outermost {
		x.within(root, r, nil)
	} else {
		x.within(root, r, x.named(root, r))
	}
	if x.edits == 0 {
		return text, false, nil
	}
	x.copyTo(len(text))
	return x.out, true, nil
}

func (x *rewriter) copyTo(end int) {
	x.out = append(x.out, x.text[x.at:end]...)
	x.at = end
}

// within looks for fields within a value that the rule leads into. Named is the rule of an object that is an entry of a
// list of names and values.
func (x *rewriter) within(n tree.Node, r, named *rule) {
	switch kind := x.tree.Kind(n); {
	case kind == tree.String:
		x.intoText(n, r)
	case kind < tree.Array:
	case x.tree.Opaque(n):
		x.whole(n, max(x.rules.greatest, r.leadsTo()))
	case kind == tree.Array:
		x.elements(n, r)
	default:
		x.members(n, r, named)
	}
}

// leadsTo returns what becomes of a value in which a field cannot be found.
func (r *rule) leadsTo() action {
	if r == nil {
		return actionNone
	}
	return r.greatest
}

// members looks at the members of an object.
func (x *rewriter) members(n tree.Node, r, named *rule) {
	top := x.outermost && n == x.tree.Root()
	s := x.siblings(n)
	for c := x.tree.FirstAny(n); c != tree.None; c = x.tree.NextAny(c) {
		start, end := x.tree.Place(c)
		x.name = appendFolded(x.name[:0], x.tree.Name(c))
		next := r.member(x.name)
		does := max(next.does(), x.rules.anywhere[string(x.name)])
		if named != nil && !isName(x.name) {
			does = max(does, named.action)
			if !next.leads() {
				next = named
			}
		}
		if does == actionRemove {
			x.cut(&s, end)
			x.note(top, c, change{what: gone})
			continue
		}
		x.keep(&s)
		edits, from := x.edits, len(x.out)+start-x.at
		x.value(c, next, does)
		if x.edits == edits {
			x.note(top, c, change{})
		} else {
			x.note(top, c, change{other, from, len(x.out) + end - x.at})
		}
		s.behind = end
	}
}

// value hashes a value or looks into it.
func (x *rewriter) value(n tree.Node, r *rule, does action) {
	if does == actionHash {
		x.hashed(n)
		return
	}
	if r.leads() || len(x.rules.anywhere) > 0 {
		x.within(n, r, x.named(n, r))
	}
}

// note remembers what became of a field. Of two members of one name, the last one counts.
func (x *rewriter) note(top bool, n tree.Node, c change) {
	if !top {
		return
	}
	if f, ok := audit.FieldOf(x.tree.Name(n)); ok {
		x.fields[f] = c
	}
}

// elements looks at the elements of an array. An entry of a list of names and values goes as a whole if its name is one
// of a field that is removed.
func (x *rewriter) elements(n tree.Node, r *rule) {
	s := x.siblings(n)
	for c := x.tree.FirstAny(n); c != tree.None; c = x.tree.NextAny(c) {
		_, end := x.tree.Place(c)
		named := x.named(c, r)
		if named.does() == actionRemove {
			x.cut(&s, end)
			continue
		}
		x.keep(&s)
		x.within(c, r, named)
		s.behind = end
	}
}

// named returns the rule that the name of an entry stands for: that of its member Name or Key.
func (x *rewriter) named(n tree.Node, r *rule) (found *rule) {
	if x.tree.Kind(n) != tree.Object || x.tree.Opaque(n) {
		return nil
	}
	for c := x.tree.FirstAny(n); c != tree.None; c = x.tree.NextAny(c) {
		if len(x.tree.Name(c)) > len("Name") || x.tree.Kind(c) != tree.String {
			continue
		}
		if x.name = appendFolded(x.name[:0], x.tree.Name(c)); !isName(x.name) {
			continue
		}
		x.name = appendFolded(x.name[:0], x.tree.Text(c))
		rule := r.member(x.name)
		if a := x.rules.anywhere[string(x.name)]; a > rule.does() {
			rule = &anywhere[a]
		}
		if rule != nil && (found == nil || rule.action > found.action) {
			found = rule
		}
	}
	return found
}

// anywhere are the rules of fields that lie anywhere.
var anywhere = [...]rule{actionHash: {action: actionHash}, actionRemove: {action: actionRemove}}

func isName(folded []byte) bool { return string(folded) == "name" || string(folded) == "key" }

// siblings is how far the members of an object, or the elements of an array, were copied.
type siblings struct {
	behind int  // where the last one ends, or the bracket
	kept   bool // one was kept
	cut    bool // one was cut before any was kept
}

func (x *rewriter) siblings(n tree.Node) siblings {
	start, _ := x.tree.Place(n)
	return siblings{behind: start + 1}
}

// cut leaves one out, with the comma before it.
func (x *rewriter) cut(s *siblings, end int) {
	x.copyTo(s.behind)
	x.at = end
	s.behind = end
	s.cut = s.cut || !s.kept
	x.edits++
}

// keep copies the next one. If those before it were left out, so is the comma before it.
func (x *rewriter) keep(s *siblings) {
	if !s.kept && s.cut {
		x.at = s.behind + bytes.IndexByte(x.text[s.behind:], ',') + 1
	}
	s.kept = true
}
