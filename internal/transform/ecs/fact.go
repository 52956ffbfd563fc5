package ecs

import (
	"bytes"
	"strconv"
	"sync"

	"o365-kafka-connector/internal/transform/facts"
)

func (e *Encoder) text(name string) []byte { return e.tree.Text(e.tree.Get(e.tree.Root(), name)) }

var severities, ipv4, ipv6 = []byte("12345"), []byte("ipv4"), []byte("ipv6")

var recordTypeNames = sync.OnceValue(func() map[int64][]byte {
	names := map[int64][]byte{}
	for number, name := range facts.RecordTypes() {
		names[int64(number)] = []byte(name)
	}
	return names
})

// recordCreated is the record's CreationTime in UTC.
func (e *Encoder) recordCreated() []byte {
	return e.keep(func(dst []byte) []byte { return facts.AppendTime(dst, e.record.Created) })
}

// recordTypeName is Microsoft's name of the record type, or its number if it has none.
func (e *Encoder) recordTypeName() []byte {
	number := e.said.recordType
	if number < 0 {
		return nil
	}
	if name, ok := recordTypeNames()[number]; ok {
		return name
	}
	return e.keep(func(dst []byte) []byte { return strconv.AppendInt(dst, number, 10) })
}

// severity is 1 for informational, up to 5 for critical.
func (e *Encoder) severity() []byte {
	s := facts.SeverityOf(&e.tree, e.tree.Root())
	if s == facts.NoSeverity {
		return nil
	}
	return severities[s-1 : s]
}

// original is the text of a bad record, of which the event may have nothing else.
func (e *Encoder) original() []byte {
	if e.record.Malformed == "" {
		return nil
	}
	return e.record.Raw
}

func (e *Encoder) clientPort() []byte {
	port := e.said.client.Port
	if port == 0 {
		return nil
	}
	return e.keep(func(dst []byte) []byte { return strconv.AppendUint(dst, uint64(port), 10) })
}

// clientAddress is the client's IP address, or the name of its host.
func (e *Encoder) clientAddress() []byte {
	if len(e.said.clientIP) > 0 {
		return e.said.clientIP
	}
	return e.said.client.Host
}

func (e *Encoder) networkType() []byte {
	switch ip := e.said.client.IP; {
	case ip.Is4():
		return ipv4
	case ip.Is6():
		return ipv6
	}
	return nil
}

// invited is the user, or the group, that something was shared with.
func (e *Encoder) invited(group bool) []byte {
	kind := e.text("TargetUserOrGroupType")
	if bytes.Contains(kind, []byte("Group")) != group {
		return nil
	}
	return e.text("TargetUserOrGroupName")
}

// mailSender is the address in whose name a message was sent; nothing of a record that tells of another act.
func (e *Encoder) mailSender() []byte {
	switch string(e.operation) {
	case "send", "sendas", "sendonbehalf":
	default:
		return nil
	}
	t, root := &e.tree, e.tree.Root()
	for _, name := range []string{"SendAsUserSmtp", "SendOnBehalfOfUserSmtp", "MailboxOwnerUPN"} {
		if text := t.Text(t.Get(root, name)); facts.IsEmail(text) {
			return text
		}
	}
	return nil
}
