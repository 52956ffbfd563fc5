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
	keep, drop criteria
}

// criteria are sets of what a record may be; an empty set says nothing.
type criteria struct {
	types      map[int]struct{}
	workloads  map[string]struct{} // folded
	operations map[string]struct{} // folded
}

// NewFilter checks the configuration. Its error names every problem, with the key relative to the section filter.
func NewFilter(c FilterConfig) (*Filter, error) {
	var f Filter
	var err, notErr error
	f.keep, err = newCriteria("", c.Match)
	f.drop, notErr = newCriteria("not.", c.Not)
	if err := errors.Join(err, notErr); err != nil {
		return nil, err
	}
	return &f, nil
}

func newCriteria(prefix string, m Match) (criteria, error) {
	c := criteria{types: map[int]struct{}{}}
	var errs []error
	for i, s := range m.RecordTypes {
		n, err := ParseRecordType(s)
		if err != nil {
			errs = append(errs, fmt.Errorf("%srecord_types[%d]: %w", prefix, i, err))
			continue
		}
		c.types[n] = struct{}{}
	}
	var err error
	c.workloads, err = nameSet(prefix+"workloads", m.Workloads)
	errs = append(errs, err)
	c.operations, err = nameSet(prefix+"operations", m.Operations)
	errs = append(errs, err)
	return c, errors.Join(errs...)
}

func nameSet(key string, names List) (map[string]struct{}, error) {
	set := map[string]struct{}{}
	var errs []error
	for i, s := range names {
		if s = strings.TrimSpace(s); s == "" {
			errs = append(errs, fmt.Errorf("%s[%d]: is empty: write a name or leave the entry out", key, i))
			continue
		}
		set[string(fold(nil, []byte(s)))] = struct{}{}
	}
	return set, errors.Join(errs...)
}

// Keep reports whether the record is to be published. A record that lacks a property which the filter asks for is not.
func (f *Filter) Keep(r *audit.Record) bool { return f.keep.all(r) && !f.drop.any(r) }

func (c *criteria) all(r *audit.Record) bool {
	return (len(c.types) == 0 || c.hasType(r)) &&
		(len(c.workloads) == 0 || hasName(c.workloads, r.Text(audit.FieldWorkload))) &&
		(len(c.operations) == 0 || hasName(c.operations, r.Text(audit.FieldOperation)))
}

func (c *criteria) any(r *audit.Record) bool {
	return (len(c.types) > 0 && c.hasType(r)) ||
		(len(c.workloads) > 0 && hasName(c.workloads, r.Text(audit.FieldWorkload))) ||
		(len(c.operations) > 0 && hasName(c.operations, r.Text(audit.FieldOperation)))
}

func (c *criteria) hasType(r *audit.Record) bool {
	n, ok := recordType(r.Text(audit.FieldRecordType))
	if !ok {
		return false
	}
	_, ok = c.types[n]
	return ok
}

func hasName(set map[string]struct{}, name []byte) bool {
	var space [96]byte // most names fit: no allocation
	_, ok := set[string(fold(space[:0], name))]
	return ok
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
