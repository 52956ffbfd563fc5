package transform

import (
	"bytes"
	"slices"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/transform/facts"
)

// appendNormalized appends what Cortex XSOAR's integration does not tell of a record: the names of its record type and its
// user type, its severity, and the client's address without port and brackets.
func (t *Transformer) appendNormalized(dst []byte, r *audit.Record) []byte {
	start := len(dst)
	dst = append(dst, `,"Normalized":{`...)
	empty := len(dst)
	if n, ok := recordType(r.Text(audit.FieldRecordType)); ok {
		if name, ok := facts.RecordTypeName(n); ok {
			dst = appendMember(dst, "RecordTypeName", name)
		}
	}
	if n, ok := digits(r.Text(audit.FieldUserType)); ok {
		if name, ok := facts.UserTypeName(int64(n)); ok {
			dst = appendMember(dst, "UserTypeName", name)
		}
	}
	client := facts.ParseAddress(r.Text(audit.FieldClientIP))
	if t.tellsMore(r, client) && t.tree.Parse(r.Raw) == nil {
		dst = appendMember(dst, "Severity", facts.SeverityOf(&t.tree, t.tree.Root()).String())
		if !client.IP.IsValid() {
			client = facts.ClientAddress(&t.tree, t.tree.Root())
		}
	}
	if client.IP.IsValid() {
		dst = append(comma(dst), `"ClientAddress":"`...)
		dst = append(client.IP.AppendTo(dst), '"')
	} else {
		dst = appendMember(dst, "ClientAddress", string(client.Host))
	}
	if len(dst) == empty {
		return dst[:start]
	}
	return append(dst, '}')
}

var severityName, addressNames = []byte(`"Severity"`), [][]byte{[]byte(`IPAddress"`), []byte(`IpAddress"`), []byte(`"UserIp"`), []byte(`"SenderIp"`), []byte(`"ActorIP"`)}

// tellsMore reports whether it is worth taking the record apart: whether it seems to have a severity, or an address
// that is not its ClientIP.
func (t *Transformer) tellsMore(r *audit.Record, client facts.Address) bool {
	if bytes.Contains(r.Raw, severityName) {
		return true
	}
	return !client.IP.IsValid() && slices.ContainsFunc(addressNames, func(name []byte) bool { return bytes.Contains(r.Raw, name) })
}

// appendMember appends a member whose value needs no escapes, unless it is empty.
func appendMember(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(append(append(comma(dst), '"'), name...), `":"`...)
	return append(append(dst, value...), '"')
}

// comma appends a comma, unless an object begins.
func comma(dst []byte) []byte {
	if dst[len(dst)-1] != '{' {
		return append(dst, ',')
	}
	return dst
}
