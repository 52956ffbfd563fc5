package transform

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"o365-kafka-connector/internal/audit"
)

// Filter decides which records are published. It may be used concurrently.
type Filter struct {
	rules []rule
}

// rule is one list of the configuration that is not empty.
type rule struct {
	key   string // of the list in the configuration
	not   bool   // drops what matches; else what does not
	field audit.Field
	types map[int]struct{} // of FieldRecordType
	names nameSet          // of every other field
}

// NewFilter checks the configuration. Its error names every problem, with the key relative to the section filter. What
// is said for single content types counts only in what FilterConfig.For returns.
func NewFilter(c FilterConfig) (*Filter, error) { return newFilter("filter.", c) }

// newFilter makes a filter whose rules are called by their keys behind the prefix.
func newFilter(prefix string, c FilterConfig) (*Filter, error) {
	f := &Filter{}
	err := errors.Join(f.add(prefix, "", c.Match), f.add(prefix, "not.", c.Not))
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (f *Filter) add(prefix, section string, m Match) error {
	var errs []error
	for _, list := range []struct {
		key   string
		names List
		field audit.Field
	}{
		{section + "record_types", m.RecordTypes, audit.FieldRecordType},
		{section + "workloads", m.Workloads, audit.FieldWorkload},
		{section + "operations", m.Operations, audit.FieldOperation},
	} {
		if len(list.names) == 0 {
			continue
		}
		r := rule{key: prefix + list.key, not: section != "", field: list.field}
		if r.field == audit.FieldRecordType {
			r.types = map[int]struct{}{}
		} else {
			r.names.exact = map[string]struct{}{}
		}
		for i, name := range list.names {
			if err := r.name(name); err != nil {
				errs = append(errs, fmt.Errorf("%s[%d]: %w", list.key, i, err))
			}
		}
		f.rules = append(f.rules, r)
	}
	return errors.Join(errs...)
}

// name adds an entry of the list.
func (r *rule) name(s string) error {
	if r.field != audit.FieldRecordType {
		return r.names.add(s)
	}
	n, err := ParseRecordType(s)
	if err == nil {
		r.types[n] = struct{}{}
	}
	return err
}

// Keep reports whether the record is to be published. A record that lacks a property which the filter asks for is not.
func (f *Filter) Keep(r *audit.Record) bool { return f.DroppedBy(r) == "" }

// DroppedBy returns the key of the first list because of which the record is not published, empty if it is.
func (f *Filter) DroppedBy(r *audit.Record) string {
	for i := range f.rules {
		if rule := &f.rules[i]; rule.matches(r) == rule.not {
			return rule.key
		}
	}
	return ""
}

func (r *rule) matches(record *audit.Record) bool {
	text := record.Text(r.field)
	if r.field != audit.FieldRecordType {
		return r.names.has(text)
	}
	n, ok := recordType(text)
	if ok {
		_, ok = r.types[n]
	}
	return ok
}

// nameSet is names without regard to letter case and to spaces around them, some with a * that stands for any text.
type nameSet struct {
	exact    map[string]struct{} // folded
	patterns [][]byte            // folded
}

func (s *nameSet) add(name string) error {
	if name = strings.TrimSpace(name); name == "" {
		return errors.New("is empty: write a name or leave the entry out")
	}
	folded := fold(nil, []byte(name))
	if bytes.IndexByte(folded, '*') >= 0 {
		s.patterns = append(s.patterns, folded)
	} else {
		s.exact[string(folded)] = struct{}{}
	}
	return nil
}

func (s *nameSet) has(name []byte) bool {
	var space [96]byte // most names fit: no allocation
	folded := fold(space[:0], name)
	if len(folded) == 0 {
		return false
	}
	if _, ok := s.exact[string(folded)]; ok {
		return true
	}
	for _, p := range s.patterns {
		if wild(p, folded) {
			return true
		}
	}
	return false
}

// wild reports whether the pattern, in which * stands for any text, describes the whole name. It takes time in
// proportion to the product of their lengths at most.
func wild(pattern, name []byte) bool {
	p, n := 0, 0
	star, from := -1, 0 // the last * and where the text that it stands for ends
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, n
			p++
		case p < len(pattern) && pattern[p] == name[n]:
			p++
			n++
		case star >= 0:
			from++
			p, n = star+1, from
		default:
			return false
		}
	}
	return len(bytes.TrimLeft(pattern[p:], "*")) == 0
}

// fold appends the name without the spaces around it and in lower case.
func fold(dst, name []byte) []byte {
	name = bytes.TrimSpace(name)
	for _, c := range name {
		if c >= 0x80 {
			return append(dst, bytes.ToLower(name)...)
		}
	}
	for _, c := range name {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}
