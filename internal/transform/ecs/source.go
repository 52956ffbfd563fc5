package ecs

import (
	"fmt"
	"strconv"
	"strings"

	"o365-kafka-connector/internal/transform/facts"
	"o365-kafka-connector/internal/transform/tree"
)

// source is where a field's value comes from: one alternative of the column from.
type source struct {
	constant []byte
	fact     func(*Encoder) []byte
	path     []step
}

// step goes from a value of the record to others.
type step struct {
	kind   stepKind
	name   string // of a member, or in a list of names and values
	number int    // place in a list, type of an identity, or slot of a member of the record
}

type stepKind int

const (
	member   stepKind = iota
	top               // a member of the record itself
	place             // one value of a list
	every             // all values of a list
	pair              // a value in a list of names and values
	identity          // the ID of a type in a list of identities
)

// parseSources reads the column from.
func parseSources(from string) ([]source, error) {
	var sources []source
	for text := range strings.SplitSeq(from, " | ") {
		switch {
		case strings.HasPrefix(text, "="):
			sources = append(sources, source{constant: []byte(text[1:])})
		case strings.HasPrefix(text, "$"):
			fact, ok := factsByName[text]
			if !ok {
				return nil, fmt.Errorf("%s is unknown", text)
			}
			sources = append(sources, source{fact: fact})
		default:
			path, err := parsePath(text)
			if err != nil {
				return nil, err
			}
			sources = append(sources, source{path: path})
		}
	}
	return sources, nil
}

func parsePath(text string) ([]step, error) {
	var path []step
	for rest := text; rest != ""; {
		end := strings.IndexAny(rest, ".[{")
		if end < 0 {
			end = len(rest)
		}
		if name := rest[:end]; name != "" {
			path = append(path, namedStep(name))
		}
		rest = rest[end:]
		switch {
		case strings.HasPrefix(rest, "."):
			rest = rest[1:]
		case strings.HasPrefix(rest, "["):
			name, behind, ok := strings.Cut(rest[1:], "]")
			if !ok {
				return nil, fmt.Errorf("%s lacks a ]", text)
			}
			path, rest = append(path, step{kind: pair, name: name}), behind
		case strings.HasPrefix(rest, "{"):
			digits, behind, ok := strings.Cut(rest[1:], "}")
			number, err := strconv.Atoi(digits)
			if !ok || err != nil {
				return nil, fmt.Errorf("%s has no number in braces", text)
			}
			path, rest = append(path, step{kind: identity, number: number}), behind
		}
	}
	if len(path) == 0 || path[0].kind != member {
		return nil, fmt.Errorf("%q names no member", text)
	}
	return path, nil
}

// slots number the members of a record that paths begin with.
type slots map[string]int

// begin makes a path begin with its slot.
func (s slots) begin(path []step) {
	number, ok := s[path[0].name]
	if !ok {
		number = len(s)
		s[path[0].name] = number
	}
	path[0] = step{kind: top, name: path[0].name, number: number}
}

func namedStep(name string) step {
	if name == "*" {
		return step{kind: every}
	}
	if number, err := strconv.Atoi(name); err == nil {
		return step{kind: place, number: number}
	}
	return step{kind: member, name: name}
}

// fill puts the members of the record into their slots.
func (e *Encoder) fill(s slots) {
	clear(e.top)
	t := &e.tree
	for n := t.First(t.Root()); n != tree.None; n = t.Next(n) {
		if number, ok := s[string(t.Name(n))]; ok {
			e.top[number] = n
		}
	}
}

// find adds to e.found what the path leads to.
func (e *Encoder) find(n tree.Node, path []step) {
	t := &e.tree
	for ; len(path) > 0 && n != tree.None; path = path[1:] {
		switch s := path[0]; s.kind {
		case top:
			n = e.top[s.number]
		case member:
			n = t.Get(n, s.name)
		case pair:
			n = facts.Named(t, n, s.name)
		case place:
			n = t.First(n)
			for range s.number {
				n = t.Next(n)
			}
		case identity:
			n = e.identity(n, int64(s.number))
		case every:
			for c := t.First(n); c != tree.None; c = t.Next(c) {
				e.find(c, path[1:])
			}
			return
		}
	}
	if n != tree.None {
		e.found = append(e.found, n)
	}
}

func (e *Encoder) identity(list tree.Node, kind int64) tree.Node {
	t := &e.tree
	for n := t.First(list); n != tree.None; n = t.Next(n) {
		if i, ok := t.Int(t.Get(n, "Type")); ok && i == kind {
			return t.Get(n, "ID")
		}
	}
	return tree.None
}

var outcomes = [...][]byte{
	facts.Unknown: []byte(facts.Unknown.String()),
	facts.Success: []byte(facts.Success.String()),
	facts.Failure: []byte(facts.Failure.String()),
}

// factsByName are the facts that the column from may name.
var factsByName = map[string]func(*Encoder) []byte{
	"$created":         (*Encoder).recordCreated,
	"$content_created": func(e *Encoder) []byte { return e.created },
	"$published":       func(e *Encoder) []byte { return e.published },
	"$tenant":          func(e *Encoder) []byte { return e.tenant },
	"$tenant_name":     func(e *Encoder) []byte { return e.tenantName },
	"$source":          func(e *Encoder) []byte { return e.source },
	"$kind":            func(e *Encoder) []byte { return e.said.category.kind },
	"$category":        func(e *Encoder) []byte { return e.said.category.category },
	"$type":            func(e *Encoder) []byte { return e.said.category.types },
	"$record_type":     (*Encoder).recordTypeName,
	"$outcome":         func(e *Encoder) []byte { return outcomes[e.said.outcome] },
	"$severity":        (*Encoder).severity,
	"$original":        (*Encoder).original,
	"$malformed":       func(e *Encoder) []byte { return []byte(e.record.Malformed) },
	"$client_ip":       func(e *Encoder) []byte { return e.said.clientIP },
	"$client_port":     (*Encoder).clientPort,
	"$client_host":     func(e *Encoder) []byte { return e.said.client.Host },
	"$client_address":  (*Encoder).clientAddress,
	"$network_type":    (*Encoder).networkType,
	"$target_user":     func(e *Encoder) []byte { return e.said.targetUser },
	"$target_name":     func(e *Encoder) []byte { return e.said.targetName },
	"$invited":         func(e *Encoder) []byte { return e.invited(false) },
	"$invited_group":   func(e *Encoder) []byte { return e.invited(true) },
	"$mail_sender":     (*Encoder).mailSender,
	"$record":          func(e *Encoder) []byte { return e.tree.Raw(e.tree.Root()) },
}
