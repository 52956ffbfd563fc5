package config

import (
	"fmt"
	"os"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// reference matches $${, ${NAME}, ${NAME:-default}, and what was meant to be one of the last two. Any other dollar sign
// is one: passwords hold them.
var reference = regexp.MustCompile(`\$\$\{|\$\{[^}]*\}?`)

var variable = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}{]*))?\}$`)

// expand replaces the references to environment variables in every value below n. Keys and comments are left alone.
func (l *loader) expand(path string, n *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			l.expand(join(path, n.Content[i].Value), n.Content[i+1])
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			l.expand(fmt.Sprintf("%s[%d]", path, i), item)
		}
	case yaml.ScalarNode:
		l.expandScalar(path, n)
	case yaml.DocumentNode, yaml.AliasNode: // not in a tree that was parsed
	}
}

func (l *loader) expandScalar(path string, n *yaml.Node) {
	original := n.Value
	if !reference.MatchString(original) {
		return
	}
	n.Value = reference.ReplaceAllStringFunc(original, func(ref string) string {
		value, problem := lookUp(ref)
		if problem != "" {
			l.add(n.Line, path, problem)
		}
		return value
	})
	l.written[n] = original
	n.Tag, n.Style = "", 0 // so that "${WORKERS}", which needs its quotes in {...}, may become a number
	if n.ShortTag() == "!!null" {
		n.Tag = "!!str"
	}
}

// lookUp returns what a reference stands for, or what is wrong with it.
func lookUp(ref string) (value, problem string) {
	if ref == "$${" {
		return "${", ""
	}
	m := variable.FindStringSubmatch(ref)
	if m == nil {
		return "", fmt.Sprintf("%s is no reference: write ${NAME} or ${NAME:-default}, where the default holds no other, or $${ for ${ itself", strings.TrimSpace(ref))
	}
	name, hasDefault, fallback := m[1], m[2] != "", m[3]
	value, set := os.LookupEnv(name)
	switch {
	case hasDefault && value == "":
		return fallback, ""
	case !set:
		return "", fmt.Sprintf("the environment variable %s is not set: set it, or give a default with ${%s:-default}", name, name)
	}
	return value, ""
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
