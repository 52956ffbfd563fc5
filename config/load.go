package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds the file that is read, in bytes.
const maxFile = 4 << 20

// Load reads the configuration in a file. What is wrong with it is an *Error.
func Load(path string) (*Config, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &Error{File: path, Problems: []Problem{{
			Text: "the file does not exist: name another with --config or CONNECTOR_CONFIG",
		}}}
	}
	if err == nil && info.Size() > maxFile {
		err = fmt.Errorf("%d bytes are too large for a configuration", info.Size())
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, &Error{File: path, Problems: []Problem{{Text: err.Error()}}}
	}
	c, err := Parse(data)
	if e, ok := errors.AsType[*Error](err); ok {
		e.File = path
	}
	return c, err
}

// Parse reads a configuration. What is wrong with it is an *Error.
func Parse(data []byte) (*Config, error) {
	l := &loader{written: map[*yaml.Node]string{}, lines: map[string]int{}, failed: map[string]bool{}}
	c := l.load(data)
	if len(l.problems) > 0 {
		sortProblems(l.problems)
		return nil, &Error{Problems: l.problems}
	}
	return c, nil
}

// loader reads one configuration and collects what is wrong with it.
type loader struct {
	problems []Problem
	written  map[*yaml.Node]string // values from the environment: what the file says instead
	lines    map[string]int        // where a key is
	failed   map[string]bool       // keys that have a problem already
}

// maxProblems is how many problems are told of one file.
const maxProblems = 100

func (l *loader) add(line int, path, text string) {
	l.failed[path] = true
	if len(l.problems) < maxProblems {
		l.problems = append(l.problems, Problem{Line: line, Path: path, Text: text})
	}
}

func (l *loader) load(data []byte) *Config {
	c := &Config{}
	c.SetDefaults()
	tree, problem := parseTree(data)
	if problem != nil {
		l.problems = append(l.problems, *problem)
		return c
	}
	if tree != nil {
		l.expand("", tree)
		l.decodeFile(tree, c)
	}
	if _, written := l.lines["control.enabled"]; !written {
		c.Control.Enabled = c.shareable()
	}
	c.normalize()
	c.normalizeOutputs()
	l.refuseBoth(c)
	l.validate(c)
	return c
}

// decodeFile sets everything but the tenants first: a tenant starts from the settings of the file.
func (l *loader) decodeFile(tree *yaml.Node, c *Config) {
	tenants, outputs := setAside(tree, "tenants"), setAside(tree, "outputs")
	l.decode("", tree, reflect.ValueOf(c).Elem())
	c.Outputs = l.decodeOutputs("outputs", outputs, c.Redact)
	if tenants == nil || tenants.ShortTag() == "!!null" {
		return
	}
	if tenants.Kind != yaml.SequenceNode {
		l.add(tenants.Line, "tenants", "must be a list: begin each tenant with a dash")
		return
	}
	for i, n := range tenants.Content {
		path := fmt.Sprintf("tenants[%d]", i)
		t := c.tenant()
		own := setAside(n, "outputs")
		l.decode(path, n, reflect.ValueOf(&t).Elem())
		if own != nil {
			t.Outputs = l.decodeOutputs(path+".outputs", own, t.Redact)
		} else { // the same list, but a tenant's redaction counts in it
			t.Outputs = l.silent().decodeOutputs("outputs", outputs, t.Redact)
		}
		l.refuseShared(path, n)
		c.Tenants = append(c.Tenants, t)
	}
}

// setAside takes the value of a key out of a section, for it is decoded later; nil if it says nothing.
func setAside(section *yaml.Node, key string) *yaml.Node {
	if section.Kind != yaml.MappingNode {
		return nil
	}
	v := child(section.Content, key)
	if v == nil || v.ShortTag() == "!!null" {
		return nil
	}
	aside := copyOf(v)
	*v = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: v.Line}
	return aside
}

func copyOf(n *yaml.Node) *yaml.Node {
	out := *n
	return &out
}

// shared are the settings of source that the whole process has in common.
var shared = []string{"buffer", "spool", "spool_max"}

// refuseShared reports settings of a tenant that no tenant can have of its own.
func (l *loader) refuseShared(path string, n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		return
	}
	section := child(n.Content, "source")
	if section == nil || section.Kind != yaml.MappingNode {
		return
	}
	for _, key := range shared {
		if v := child(section.Content, key); v != nil {
			l.add(v.Line, path+".source."+key, "is shared by all tenants: set source."+key+" instead")
		}
	}
}
