package ocsf

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"o365-kafka-connector/internal/transform/table"
)

// attr is an attribute of an event: an object with attributes, or a leaf that gets the first value that there is.
type attr struct {
	path     string // without the marks of arrays, as observables name it
	key      []byte // "name":
	array    bool   // an array of this object
	required bool   // without it, the object around it is left out
	oneOf    bool   // without any of those with this mark, too
	anyOf    bool   // some child is oneOf
	children []*attr
	each     []step // the array whose elements become objects
	values   []value
}

// value is one way to get a leaf's value.
type value struct {
	kind       kind
	sources    [][]step
	parameter  string
	enum       *enum
	observable []byte // what stands before the value in observables; nil: it is none
	when       *condition
	last       bool // only in an object that has nothing else
}

// condition asks for a text within the record.
type condition struct {
	text  string // as the table has it
	steps []step
	is    []string // in lower case
}

func parseCondition(s string, known slots) *condition {
	if s == "" {
		return nil
	}
	path, values, ok := strings.Cut(s, "=")
	if !ok {
		panic(fmt.Sprintf("condition %q lacks a =", s))
	}
	c := &condition{text: s, steps: parsePath(path, known)}
	for one := range strings.SplitSeq(values, "|") {
		c.is = append(c.is, string(table.Lower(nil, []byte(one))))
	}
	return c
}

// attributes are the lists of attributes.tsv, by their names.
type attributes map[string][][]string

func readAttributes() attributes {
	lists := attributes{}
	for _, line := range table.Rows(attributesTSV) {
		lists[line[0]] = append(lists[line[0]], line[1:])
	}
	return lists
}

// plan joins lists of attributes to the tree of what an event has.
func (t *mapping) plan(names string) *attr {
	root := &attr{}
	for name := range strings.FieldsSeq(names) {
		list, ok := t.attributes[name]
		if !ok {
			panic(fmt.Sprintf("there is no list %q of attributes", name))
		}
		for _, line := range list {
			t.add(root, line)
		}
	}
	return root
}

// add puts a line of attributes.tsv into the tree.
func (t *mapping) add(a *attr, line []string) {
	path, kind, source := line[0], line[1], line[2]
	flag := byte(0)
	if i := len(path) - 1; strings.IndexByte("!+-", path[i]) >= 0 {
		path, flag = path[:i], path[i]
	}
	parent := a
	for name := range strings.SplitSeq(path, ".") {
		parent, a = a, a.child(name)
	}
	a.required = a.required || flag == '!'
	a.oneOf = a.oneOf || flag == '+' || flag == '-'
	parent.anyOf = parent.anyOf || flag == '+'
	switch kind {
	case "":
	case "each":
		a.each = parsePath(source, t.slots)
	default:
		v := t.value(a.path, line)
		v.last = flag == '-'
		a.values = append(a.values, v)
	}
}

// child returns the attribute of that name within this one, which is there or becomes the last one.
func (a *attr) child(name string) *attr {
	name, array := strings.CutSuffix(name, "[]")
	path := strings.TrimPrefix(a.path+"."+name, ".")
	i := slices.IndexFunc(a.children, func(c *attr) bool { return c.path == path })
	if i < 0 {
		i = len(a.children)
		a.children = append(a.children, &attr{path: path, key: []byte(strconv.Quote(name) + ":")})
	}
	c := a.children[i]
	c.array = c.array || array
	return c
}

func (t *mapping) value(path string, line []string) value {
	name, parameter, _ := strings.Cut(line[1], " ")
	k, ok := kinds[name]
	if !ok {
		panic(fmt.Sprintf("attribute %s has the unknown kind %q", path, name))
	}
	v := value{kind: k, parameter: parameter, when: parseCondition(line[4], t.slots)}
	if k.read == nil {
		v.parameter = line[2] + parameter
	} else {
		for source := range strings.SplitSeq(line[2], ",") {
			v.sources = append(v.sources, parsePath(source, t.slots))
		}
	}
	if k.table {
		if v.enum = t.enums[parameter]; v.enum == nil {
			panic(fmt.Sprintf("attribute %s asks for the unknown table %q", path, parameter))
		}
	}
	if line[3] != "" {
		v.observable = fmt.Appendf(nil, `{"name":%q,"type_id":%s,"value":`, path, line[3])
	}
	return v
}
