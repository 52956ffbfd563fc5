package ocsf

import (
	"bytes"

	"o365-kafka-connector/internal/transform/facts"
	"o365-kafka-connector/internal/transform/tree"
)

func readGUID(e *Encoder, v *visit, n tree.Node) bool {
	return facts.IsGUID(v.tree.Text(n)) && readText(e, v, n)
}

// readIP writes an IP address, and remembers its port for the attribute that follows.
func readIP(e *Encoder, v *visit, n tree.Node) bool {
	a := facts.ParseAddress(v.tree.Text(n))
	if !a.IP.IsValid() {
		return false
	}
	v.loose, e.port = len(a.Host) > 0, a.Port
	e.out = append(a.IP.AppendTo(append(e.out, '"')), '"')
	return true
}

// readBase writes the last part of a path or URL.
func readBase(e *Encoder, v *visit, n tree.Node) bool {
	text := v.tree.Text(n)
	return e.some(text[bytes.LastIndexAny(text, `/\`)+1:])
}

// readHost writes the host of a URL.
func readHost(e *Encoder, v *visit, n tree.Node) bool {
	_, rest, ok := bytes.Cut(v.tree.Text(n), []byte("://"))
	if !ok {
		return false
	}
	if end := bytes.IndexAny(rest, "/?#:"); end >= 0 {
		rest = rest[:end]
	}
	return e.some(rest)
}

// readWord writes the first word of a text.
func readWord(e *Encoder, v *visit, n tree.Node) bool {
	text := bytes.TrimSpace(v.tree.Text(n))
	if end := bytes.IndexAny(text, " \t\r\n"); end >= 0 {
		text = text[:end]
	}
	return e.some(text)
}

// readTag writes what kind of thing a target of Entra ID is, from an id such as User_<GUID> or Group.
func readTag(e *Encoder, v *visit, n tree.Node) bool {
	text := v.tree.Text(n)
	if tag, id, ok := bytes.Cut(text, []byte("_")); ok && facts.IsGUID(id) {
		text = tag
	}
	for _, c := range text {
		if (c|0x20)-'a' > 'z'-'a' {
			return false
		}
	}
	return e.some(text)
}

// readElement writes what stands within an XML element without attributes.
func readElement(e *Encoder, v *visit, n tree.Node) bool {
	_, rest, found := bytes.Cut(v.tree.Text(n), []byte("<"+v.value.parameter+">"))
	text, _, closed := bytes.Cut(rest, []byte("</"+v.value.parameter+">"))
	return found && closed && e.some(text)
}
