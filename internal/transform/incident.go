package transform

import (
	"bytes"
	"time"
	"unicode/utf8"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/transform/facts"
	"o365-kafka-connector/internal/transform/tree"
)

// eventRoom is what an event needs besides the record.
const eventRoom = 2 << 10

// keepBuffer is the largest buffer that is kept for the next record.
const keepBuffer = 1 << 20

// contextNames are the original integration's names of the fields, ready to be written as members. Its spelling
// ResultsStatus is kept.
var contextNames = [audit.FieldCount]string{
	audit.FieldCreationTime:   `"CreationTime":`,
	audit.FieldID:             `"ID":`,
	audit.FieldRecordType:     `"RecordType":`,
	audit.FieldOperation:      `"Operation":`,
	audit.FieldOrganizationID: `"OrganizationID":`,
	audit.FieldUserType:       `"UserType":`,
	audit.FieldUserKey:        `"UserKey":`,
	audit.FieldWorkload:       `"Workload":`,
	audit.FieldResultStatus:   `"ResultsStatus":`,
	audit.FieldObjectID:       `"ObjectID":`,
	audit.FieldUserID:         `"UserID":`,
	audit.FieldClientIP:       `"ClientIP":`,
	audit.FieldScope:          `"Scope":`,
}

// appendIncident returns the record as an incident, in a buffer that lives until the next call. The output is valid
// JSON in valid UTF-8 on one line, whatever the record is.
func (t *Transformer) appendIncident(b audit.Blob, r *audit.Record) []byte {
	if t.source == nil || t.blob != b {
		t.blob, t.source = b, sourceMember(t.stream, b, t.now())
	}
	valid := utf8.Valid(r.Raw)
	dst := t.buffer(r)
	dst = append(dst, `{"name":"Microsoft Management Activity: `...)
	dst = t.appendName(dst, b, r)
	dst = append(dst, '"')
	if !r.Created.IsZero() {
		dst = append(dst, `,"occurred":"`...)
		dst = appendOccurred(dst, r)
		dst = append(dst, '"')
	}
	dst = append(dst, t.kind...)
	dst = append(dst, `,"rawJSON":"`...)
	if valid {
		dst = tree.AppendEscaped(dst, r.Raw)
	} else {
		dst = tree.AppendRepaired(dst, r.Raw)
	}
	dst = append(dst, `","MicrosoftManagement":{"ContentRecord":{`...)
	dst = append(appendFields(dst, r, valid), '}')
	dst = t.appendNormalized(dst, r)
	dst = append(dst, t.source...)
	t.value = dst
	return dst
}

// appendName appends what names the record, escaped.
func (t *Transformer) appendName(dst []byte, b audit.Blob, r *audit.Record) []byte {
	return tree.AppendRepaired(dst, t.recordKey(b, r))
}

// appendFields appends the members of the context record. A field that is missing, null or empty is left out.
func appendFields(dst []byte, r *audit.Record, valid bool) []byte {
	first := true
	for f := range r.Fields {
		raw := r.Fields[f].Raw
		if empty(raw) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, contextNames[f]...)
		start := len(dst)
		dst = append(dst, raw...)
		if !valid {
			dst = append(dst[:start], bytes.ToValidUTF8(raw, []byte("\uFFFD"))...)
		}
		if raw[0] == '{' || raw[0] == '[' {
			oneLine(dst[start:])
		}
	}
	return dst
}

func empty(raw []byte) bool {
	switch string(raw) {
	case "", "null", `""`, "[]", "{}":
		return true
	}
	return false
}

// oneLine replaces the line ends of a JSON value, which can only stand between its tokens.
func oneLine(json []byte) {
	for i, c := range json {
		if c == '\n' || c == '\r' {
			json[i] = ' '
		}
	}
}

// appendOccurred appends the record's time in UTC, with the fraction as the record has it.
func appendOccurred(dst []byte, r *audit.Record) []byte {
	const seconds = "2006-01-02T15:04:05"
	dst = r.Created.UTC().AppendFormat(dst, seconds)
	if text := r.Text(audit.FieldCreationTime); len(text) > len(seconds) && text[len(seconds)] == '.' {
		end := len(seconds) + 1
		for end < len(text) && '0' <= text[end] && text[end] <= '9' {
			end++
		}
		if end > len(seconds)+1 {
			dst = append(dst, text[len(seconds):end]...)
		}
	}
	return append(dst, 'Z')
}

// typeMember returns the incident's type as a member, nothing if there is none.
func typeMember(incidentType string) []byte {
	if incidentType == "" {
		return nil
	}
	return append(tree.AppendRepaired([]byte(`,"type":"`), []byte(incidentType)), '"')
}

// sourceMember returns where the record comes from and when its event was made, as far as that is known, up to the end of
// the incident.
func sourceMember(s audit.Stream, b audit.Blob, now time.Time) []byte {
	dst := []byte(`,"Source":{`)
	first := true
	for _, m := range [][2]string{
		{`"Tenant":"`, s.Tenant.ID},
		{`"TenantName":"`, s.Tenant.Name},
		{`"ContentType":"`, string(s.ContentType)},
		{`"ContentID":"`, b.ID},
		{`"ContentCreated":"`, listed(b)},
		{`"Published":"`, string(facts.AppendTime(nil, now))},
	} {
		if m[1] == "" {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, m[0]...)
		dst = append(tree.AppendRepaired(dst, []byte(m[1])), '"')
	}
	if first {
		return []byte("}}")
	}
	return append(dst, "}}}"...)
}
