package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxNodes bounds a configuration after its aliases were replaced, so that a few lines cannot ask for all memory.
const maxNodes = 100_000

// parseTree reads one YAML document and replaces aliases and merge keys by what they stand for. The tree of an empty
// document is nil.
func parseTree(data []byte) (*yaml.Node, *Problem) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := decoder.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, syntaxProblem(err)
	}
	var second yaml.Node
	if err := decoder.Decode(&second); err == nil {
		return nil, &Problem{Line: second.Line, Text: "only one YAML document is read: remove the line --- and what follows"}
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxProblem(err)
	}
	r := resolver{left: maxNodes, open: map[*yaml.Node]bool{}}
	tree, err := r.resolve(doc.Content[0])
	if err != nil {
		return nil, &Problem{Text: err.Error()}
	}
	return tree, nil
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

// syntaxProblem takes the line out of the YAML library's message.
func syntaxProblem(err error) *Problem {
	text := err.Error()
	line := 0
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
	}
	text = strings.TrimPrefix(text, "yaml: ")
	if strings.HasPrefix(text, "unknown anchor") { // its name may be a password
		text = "a value that begins with * stands for an anchor, and there is none of that name: put it in quotes"
	}
	return &Problem{Line: line, Text: "no YAML: " + text}
}

// resolver copies a tree and puts a copy of its target in the place of each alias.
type resolver struct {
	left int
	open map[*yaml.Node]bool // targets of the aliases that are being copied
}

func (r *resolver) resolve(n *yaml.Node) (*yaml.Node, error) {
	if r.left--; r.left < 0 {
		return nil, fmt.Errorf("more than %d values: too large for a configuration", maxNodes)
	}
	if n.Kind == yaml.AliasNode {
		return r.resolve(n.Alias)
	}
	if r.open[n] {
		return nil, fmt.Errorf("line %d: the anchor %s holds itself", n.Line, n.Anchor)
	}
	if n.Anchor != "" {
		r.open[n] = true
		defer delete(r.open, n)
	}
	out := *n
	out.Content = make([]*yaml.Node, 0, len(n.Content))
	for _, child := range n.Content {
		c, err := r.resolve(child)
		if err != nil {
			return nil, err
		}
		out.Content = append(out.Content, c)
	}
	if out.Kind == yaml.MappingNode {
		out.Content = merge(out.Content)
	}
	return &out, nil
}

// merge puts the pairs of a merge key (<<) where the mapping does not have them itself.
// https://yaml.org/type/merge.html
func merge(content []*yaml.Node) []*yaml.Node {
	var own, merged []*yaml.Node
	for i := 0; i+1 < len(content); i += 2 {
		key, value := content[i], content[i+1]
		switch {
		case key.ShortTag() != "!!merge":
			own = append(own, key, value)
		case value.Kind == yaml.SequenceNode:
			for _, v := range value.Content {
				merged = append(merged, v.Content...)
			}
		default:
			merged = append(merged, value.Content...)
		}
	}
	for i := 0; i+1 < len(merged); i += 2 {
		if child(own, merged[i].Value) == nil {
			own = append(own, merged[i], merged[i+1])
		}
	}
	return own
}

// child returns the value of a key in a mapping's content, nil if it is not there.
func child(content []*yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(content); i += 2 {
		if content[i].Kind == yaml.ScalarNode && content[i].Value == key {
			return content[i+1]
		}
	}
	return nil
}
