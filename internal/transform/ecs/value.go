package ecs

import (
	"bytes"
	"strconv"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/transform/facts"
	"o365-kafka-connector/internal/transform/table"
	"o365-kafka-connector/internal/transform/tree"
)

// writers are what the column as may say.
var writers map[string]func(*Encoder, *instruction)

func init() { // the writers refer to themselves by way of the tables
	writers = map[string]func(*Encoder, *instruction){
		"":               (*Encoder).same,
		"lower":          scalar((*Encoder).lower),
		"long":           (*Encoder).long,
		"date":           scalar((*Encoder).date),
		"email":          scalar(pure(email)),
		"user name":      scalar(pure(func(text []byte) []byte { return facts.ParseUser(text).Name })),
		"user domain":    scalar(pure(func(text []byte) []byte { return facts.ParseUser(text).Domain })),
		"http":           scalar(pure(webAddress)),
		"url host":       scalar((*Encoder).urlHost),
		"host":           scalar(pure(func(text []byte) []byte { return facts.ParseAddress(text).Host })),
		"base name":      scalar(pure(baseName)),
		"extension":      scalar((*Encoder).extension),
		"item type":      scalar(pure(itemType)),
		"mail direction": scalar((*Encoder).mailDirection),
		"bare":           scalar(pure(facts.Bare)),
		"json":           (*Encoder).json,
		"list":           (*Encoder).json,
		"emails":         (*Encoder).emails,
		"ips":            (*Encoder).ips,
		"users":          (*Encoder).users,
		"hosts":          (*Encoder).hosts,
		"hashes":         (*Encoder).hashes,
		"attachments":    (*Encoder).attachments,
		"record":         (*Encoder).wholeRecord,
	}
}

// converter makes of a text what a field takes; nothing if it cannot.
type converter func(*Encoder, []byte) []byte

func pure(convert func([]byte) []byte) converter {
	return func(_ *Encoder, text []byte) []byte { return convert(text) }
}

// scalar writes the first value of which convert makes something.
func scalar(convert converter) func(*Encoder, *instruction) {
	return func(e *Encoder, in *instruction) {
		e.each(in, func(text []byte) bool {
			text = convert(e, text)
			if len(text) == 0 {
				return true
			}
			e.w.Text(in.name, text)
			return false
		})
	}
}

// each hands the texts of all sources to use, until it returns false.
func (e *Encoder) each(in *instruction, use func([]byte) bool) {
	for i := range in.sources {
		s := &in.sources[i]
		switch {
		case s.fact != nil:
			if text := s.fact(e); len(text) > 0 && !use(text) {
				return
			}
		case s.path == nil:
			if !use(s.constant) {
				return
			}
		case e.top[s.path[0].number] == tree.None: // most members are missing
		case len(s.path) == 1:
			if text := e.tree.Text(e.top[s.path[0].number]); len(text) > 0 && !use(text) {
				return
			}
		case !e.eachFound(s.path, use):
			return
		}
	}
}

// eachFound hands the texts that a path leads to to use, until it returns false.
func (e *Encoder) eachFound(path []step, use func([]byte) bool) bool {
	start := len(e.found)
	e.find(e.tree.Root(), path)
	found := e.found[start:]
	e.found = e.found[:start]
	for _, n := range found {
		if text := e.tree.Text(n); len(text) > 0 && !use(text) {
			return false
		}
	}
	return true
}

// same writes the first value as it is. A text of the record is copied with its escapes.
func (e *Encoder) same(in *instruction) {
	if s := &in.sources[0]; len(s.path) == 1 {
		if n := e.top[s.path[0].number]; e.tree.Kind(n) == tree.String && len(e.tree.Raw(n)) > len(`""`) {
			e.w.Value(in.name, &e.tree, n)
			return
		}
	}
	e.each(in, func(text []byte) bool {
		e.w.Text(in.name, text)
		return false
	})
}

func (e *Encoder) lower(text []byte) []byte {
	start := len(e.small)
	e.small = table.Lower(e.small, text)
	return e.small[start:len(e.small):len(e.small)]
}

// long writes an integer of 64 bits.
func (e *Encoder) long(in *instruction) {
	e.each(in, func(text []byte) bool {
		i, err := strconv.ParseInt(string(text), 10, 64)
		if err == nil {
			e.w.Int(in.name, i)
		}
		return err != nil
	})
}

// json writes what is JSON already.
func (e *Encoder) json(in *instruction) {
	e.each(in, func(text []byte) bool {
		e.w.Name(in.name)
		e.w.Append(text)
		return false
	})
}

func (e *Encoder) date(text []byte) []byte {
	t, ok := audit.ParseTime(text)
	if !ok {
		return nil
	}
	start := len(e.small)
	e.small = facts.AppendTime(e.small, t)
	return e.small[start:len(e.small):len(e.small)]
}

func email(text []byte) []byte {
	if !facts.IsEmail(text) {
		return nil
	}
	return text
}

// webAddress keeps addresses of the web.
func webAddress(text []byte) []byte {
	if bytes.HasPrefix(text, []byte("https://")) || bytes.HasPrefix(text, []byte("http://")) {
		return text
	}
	return nil
}

// urlHost returns the host of a web address, without port and credentials, in lower case.
func (e *Encoder) urlHost(text []byte) []byte {
	if webAddress(text) == nil {
		return nil
	}
	_, host, _ := bytes.Cut(text, []byte("//"))
	if end := bytes.IndexAny(host, `/?#\`); end >= 0 {
		host = host[:end]
	}
	host = host[bytes.LastIndexByte(host, '@')+1:]
	if len(host) > 0 && host[0] == '[' {
		host, _, _ = bytes.Cut(host[1:], []byte{']'})
	} else {
		host, _, _ = bytes.Cut(host, []byte{':'})
	}
	return e.lower(host)
}

// baseName is what stands behind the last slash of either kind.
func baseName(text []byte) []byte { return text[bytes.LastIndexAny(text, `/\`)+1:] }

// extension returns that of a file's name or path, in lower case.
func (e *Encoder) extension(text []byte) []byte {
	const longest = 32
	text = baseName(text)
	dot := bytes.LastIndexByte(text, '.')
	if dot <= 0 || len(text)-dot > longest {
		return nil
	}
	return e.lower(text[dot+1:])
}

var typeFile, typeFolder, directionInternal = []byte("file"), []byte("dir"), []byte("internal")

func itemType(text []byte) []byte {
	switch string(text) {
	case "File":
		return typeFile
	case "Folder":
		return typeFolder
	}
	return nil
}

func (e *Encoder) mailDirection(text []byte) []byte {
	switch lower := e.lower(text); string(lower) {
	case "inbound", "outbound":
		return lower
	case "intra-org", "intraorg", "intra_org":
		return directionInternal
	}
	return nil
}
