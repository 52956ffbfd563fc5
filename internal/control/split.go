package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxPart is the size of the largest part of a reply, in bytes.
const MaxPart = 900_000

var errIndivisible = errors.New("the answer has a piece that is too large for one message")

// Split divides a reply into parts of at most limit bytes each, in order and not numbered yet: first the text for
// people, by lines, and then the longest list of the context, by elements. What stands beside that list is in one part
// alone: objects of the parts are to be merged, and their lists put together.
func Split(r Reply, limit int) ([]Reply, error) {
	size, err := encodedSize(r)
	if err != nil {
		return nil, err
	}
	if size <= limit {
		return []Reply{r}, nil
	}
	first, second, err := halve(r)
	if err != nil {
		return nil, fmt.Errorf("divide reply of %d bytes: %w", size, err)
	}
	head, err := Split(first, limit)
	if err != nil {
		return nil, err
	}
	tail, err := Split(second, limit)
	if err != nil {
		return nil, err
	}
	return append(head, tail...), nil
}

// numbers is room for a part's number, which is not known yet.
const numbers = 32

func encodedSize(r Reply) (int, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return 0, fmt.Errorf("write reply: %w", err)
	}
	return len(b) + numbers, nil
}

func halve(r Reply) (first, second Reply, err error) {
	first, second = r, r
	if len(r.HumanReadable) > len(r.Context) {
		cut := cutText(r.HumanReadable)
		if cut == 0 {
			return first, second, errIndivisible
		}
		first.HumanReadable, second.HumanReadable = r.HumanReadable[:cut], r.HumanReadable[cut:]
		// The context goes with the end of the text.
		first.Context = json.RawMessage("{}")
		return first, second, nil
	}
	var root any
	decoder := json.NewDecoder(bytes.NewReader(r.Context))
	decoder.UseNumber()
	if err := decoder.Decode(&root); err != nil {
		return first, second, fmt.Errorf("read context: %w", err)
	}
	path, list := longest(root)
	if len(list) < 2 {
		return first, second, errIndivisible
	}
	if first.Context, err = Context(put(root, path, list[:len(list)/2])); err != nil {
		return first, second, err
	}
	second.HumanReadable = ""
	// Alone: lists beside it would be there twice when the parts are put together.
	second.Context, err = Context(put(nil, path, list[len(list)/2:]))
	return first, second, err
}

// cutText finds the end of the line nearest before the middle, or else of a character.
func cutText(s string) int {
	half := len(s) / 2
	if i := strings.LastIndexByte(s[:half], '\n'); i > 0 {
		return i + 1
	}
	for half > 0 && !utf8.RuneStart(s[half]) {
		half--
	}
	return half
}

// longest finds the list with the most elements among objects in objects.
func longest(v any) (path []string, list []any) {
	switch v := v.(type) {
	case []any:
		return nil, v
	case map[string]any:
		for key, inner := range v {
			if p, l := longest(inner); len(l) > len(list) {
				path, list = append([]string{key}, p...), l
			}
		}
	}
	return path, list
}

// put returns a copy of v whose list at the path is another.
func put(v any, path []string, list []any) any {
	if len(path) == 0 {
		return list
	}
	object, _ := v.(map[string]any)
	out := make(map[string]any, len(object))
	for key, inner := range object {
		out[key] = inner
	}
	out[path[0]] = put(object[path[0]], path[1:], list)
	return out
}
