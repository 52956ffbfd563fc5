package ecs

import (
	"bytes"

	"o365-kafka-connector/internal/transform/facts"
	"o365-kafka-connector/internal/transform/tree"
)

// startList begins a list of texts that are written once each, by put.
func (e *Encoder) startList(name string) {
	e.names.Reset()
	e.w.Array(name)
}

// put writes a text of a list, unless it is empty or was written before.
func (e *Encoder) put(text []byte) {
	if len(text) == 0 {
		return
	}
	if _, found := e.names.Add(text, 0); !found {
		e.w.Text("", text)
	}
}

// emails writes the e-mail addresses of the first source that has any: a text, or a list of texts.
func (e *Encoder) emails(in *instruction) {
	for i := range in.sources {
		e.startList(in.name)
		e.emailsOf(&in.sources[i])
		e.w.Close()
		if e.names.Len() > 0 {
			return
		}
	}
}

func (e *Encoder) emailsOf(s *source) {
	t := &e.tree
	if s.fact != nil {
		e.put(email(s.fact(e)))
		return
	}
	start := len(e.found)
	e.find(t.Root(), s.path)
	for _, n := range e.found[start:] {
		e.put(email(t.Text(n)))
		for c := t.First(n); c != tree.None; c = t.Next(c) {
			e.put(email(t.Text(c)))
		}
	}
	e.found = e.found[:start]
}

// ips writes all IP addresses.
func (e *Encoder) ips(in *instruction) {
	e.startList(in.name)
	e.each(in, func(text []byte) bool {
		if a := facts.ParseAddress(text); a.IP.IsValid() {
			start := len(e.small)
			e.small = a.IP.AppendTo(e.small)
			e.put(e.small[start:])
		}
		return true
	})
	e.w.Close()
}

// users writes all names of users, those of addresses also by what stands before the @.
func (e *Encoder) users(in *instruction) {
	e.startList(in.name)
	e.each(in, func(text []byte) bool {
		e.put(text)
		e.put(facts.ParseUser(text).Name)
		return true
	})
	e.w.Close()
}

// hosts writes all names of hosts.
func (e *Encoder) hosts(in *instruction) {
	e.startList(in.name)
	e.each(in, func(text []byte) bool {
		e.put(facts.ParseAddress(text).Host)
		return true
	})
	e.w.Close()
}

// hashes writes all hashes in hexadecimal, in lower case.
func (e *Encoder) hashes(in *instruction) {
	e.startList(in.name)
	e.each(in, func(text []byte) bool {
		if hash := e.lower(text); isHash(hash) {
			e.put(hash)
		}
		return true
	})
	e.w.Close()
}

func isHash(text []byte) bool {
	switch len(text) {
	case 32, 40, 64, 128: // MD5, SHA-1, SHA-256, SHA-512
	default:
		return false
	}
	return len(bytes.Trim(text, "0123456789abcdef")) == 0
}

// attachments writes the attachments of a message.
func (e *Encoder) attachments(in *instruction) {
	t := &e.tree
	e.w.Array(in.name)
	for n := t.First(t.Get(t.Root(), in.sources[0].path[0].name)); n != tree.None; n = t.Next(n) {
		e.w.Object("")
		e.w.Object("file")
		name := t.Text(t.Get(n, "FileName"))
		e.w.Text("name", name)
		e.w.Text("extension", e.extension(name))
		e.w.Object("hash")
		if hash := e.lower(t.Text(t.Get(n, "SHA256"))); isHash(hash) && len(hash) == 64 {
			e.w.Text("sha256", hash)
		}
		e.w.Close()
		e.w.Close()
		e.w.Close()
	}
	e.w.Close()
}
