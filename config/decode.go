package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// decode sets v, which holds the defaults, from the tree n. Instead of ending at the first problem it notes each with
// its key, and leaves that key's default. The YAML library's own strict mode knows neither paths nor similar keys.
func (l *loader) decode(path string, n *yaml.Node, v reflect.Value) {
	l.lines[path] = n.Line
	if l.failed[path] {
		return
	}
	if n.Kind == yaml.ScalarNode && strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		l.add(n.Line, path, "begins with !, which YAML takes for a type: put it in quotes") // it may be a password
		return
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		return
	}
	switch target := v.Addr().Interface().(type) {
	case yaml.Unmarshaler:
		if err := target.UnmarshalYAML(n); err != nil {
			l.add(n.Line, path, l.masked(n, strings.TrimPrefix(err.Error(), fmt.Sprintf("line %d: ", n.Line))))
		}
		return
	case encoding.TextUnmarshaler:
		l.decodeText(path, n, target)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		l.decodeStruct(path, n, v)
	case reflect.Slice:
		l.decodeList(path, n, v)
	case reflect.Map:
		l.decodeMap(path, n, v)
	default:
		l.decodeScalar(path, n, v)
	}
}

func (l *loader) decodeText(path string, n *yaml.Node, target encoding.TextUnmarshaler) {
	if n.Kind != yaml.ScalarNode {
		l.add(n.Line, path, "must be a single value, not "+kindName(n))
		return
	}
	if err := target.UnmarshalText([]byte(n.Value)); err != nil {
		l.add(n.Line, path, l.masked(n, err.Error()))
	}
}

func (l *loader) decodeStruct(path string, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		l.add(n.Line, path, "must be a section with keys of its own, not "+kindName(n))
		return
	}
	fields := fieldsOf(v)
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content) && len(l.problems) < maxProblems; i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if l.twice(path, key, seen) {
			continue
		}
		target, ok := fields.find(key)
		if !ok {
			l.add(key.Line, join(path, key.Value), "unknown key: "+suggest(key.Value, fields.names()))
			continue
		}
		l.decode(join(path, key.Value), value, target)
	}
}

// twice reports a key that the section has already.
func (l *loader) twice(path string, key *yaml.Node, seen map[string]int) bool {
	first, ok := seen[key.Value]
	if ok {
		l.add(key.Line, join(path, key.Value), fmt.Sprintf("is given twice, first in line %d: keep one", first))
		return true
	}
	seen[key.Value] = key.Line
	return false
}

// decodeList also takes a text with commas for a list of texts, so that a list can come from the environment.
func (l *loader) decodeList(path string, n *yaml.Node, v reflect.Value) {
	items := n.Content
	switch {
	case n.Kind == yaml.ScalarNode && v.Type().Elem().Kind() == reflect.String:
		items = nil
		for _, text := range strings.Split(n.Value, ",") {
			if text = strings.TrimSpace(text); text != "" {
				items = append(items, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Line: n.Line})
			}
		}
	case n.Kind != yaml.SequenceNode:
		l.add(n.Line, path, "must be a list, as [a, b], not "+kindName(n))
		return
	}
	list := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, item := range items {
		l.decode(fmt.Sprintf("%s[%d]", path, i), item, list.Index(i))
	}
	v.Set(list)
}

func (l *loader) decodeMap(path string, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		l.add(n.Line, path, "must be keys and values, as {key: value}, not "+kindName(n))
		return
	}
	out := reflect.MakeMap(v.Type())
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if l.twice(path, n.Content[i], seen) {
			continue
		}
		value := reflect.New(v.Type().Elem()).Elem()
		l.decode(join(path, n.Content[i].Value), n.Content[i+1], value)
		out.SetMapIndex(reflect.ValueOf(n.Content[i].Value).Convert(v.Type().Key()), value)
	}
	v.Set(out)
}

func (l *loader) decodeScalar(path string, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.ScalarNode {
		l.add(n.Line, path, "must be a single value, not "+kindName(n))
		return
	}
	if v.Kind() == reflect.String {
		v.SetString(n.Value)
		return
	}
	fresh := reflect.New(v.Type())
	if err := n.Decode(fresh.Interface()); err != nil {
		l.add(n.Line, path, fmt.Sprintf("must be %s, not %q", wanted(v.Kind()), l.asWritten(n)))
		return
	}
	v.Set(fresh.Elem())
}

func wanted(k reflect.Kind) string {
	switch k {
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number"
	default:
		return "a whole number"
	}
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a section"
	case yaml.SequenceNode:
		return "a list"
	default:
		return "a single value"
	}
}

// asWritten is the value as the file has it: what came from the environment may be a secret and is not shown.
func (l *loader) asWritten(n *yaml.Node) string {
	if original, ok := l.written[n]; ok {
		return original
	}
	return n.Value
}

// masked takes an expanded value out of an error text.
func (l *loader) masked(n *yaml.Node, text string) string {
	original, ok := l.written[n]
	if !ok || n.Value == "" {
		return text
	}
	text = strings.ReplaceAll(text, fmt.Sprintf("%q", n.Value), fmt.Sprintf("%q", original))
	return strings.ReplaceAll(text, n.Value, original)
}
