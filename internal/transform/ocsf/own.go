package ocsf

import (
	"strconv"

	"o365-kafka-connector/internal/transform/facts"
	"o365-kafka-connector/internal/transform/table"
)

func ownConst(e *Encoder, v *value) bool {
	e.out = append(e.out, v.parameter...)
	return false
}

// ownOccurred writes when it happened. Of a bad record that is not known, and OCSF asks for it: then it is when Microsoft
// made the blob, and 0 if that is not known either.
func ownOccurred(e *Encoder, _ *value) bool {
	at := e.source.Created
	if at.IsZero() {
		at = e.blob.Created
	}
	millis := int64(0)
	if !at.IsZero() {
		millis = at.UnixMilli()
	}
	e.out = strconv.AppendInt(e.out, millis, 10)
	return true
}

// ownListed writes when Microsoft made the blob.
func ownListed(e *Encoder, _ *value) bool {
	if !e.blob.Created.IsZero() {
		e.out = strconv.AppendInt(e.out, e.blob.Created.UnixMilli(), 10)
	}
	return true
}

// ownMade writes when the event was made.
func ownMade(e *Encoder, _ *value) bool {
	if !e.made.IsZero() {
		e.out = strconv.AppendInt(e.out, e.made.UnixMilli(), 10)
	}
	return true
}

// ownPort writes the port of the IP address that was written last.
func ownPort(e *Encoder, _ *value) bool {
	if e.port != 0 {
		e.out = strconv.AppendUint(e.out, uint64(e.port), 10)
	}
	return true
}

// ownStream writes where the record comes from.
func ownStream(e *Encoder, v *value) bool {
	text := ""
	switch v.parameter {
	case "tenant":
		text = e.stream.Tenant.ID
	case "tenant_name":
		text = e.stream.Tenant.Name
	case "content_type":
		text = string(e.stream.ContentType)
	case "content_id":
		text = e.blob.ID
	}
	return e.some([]byte(text))
}

// ownOutcome writes whether what the record tells of came off.
func ownOutcome(e *Encoder, v *value) bool {
	status := e.top[e.table.status]
	caption := v.parameter == "caption"
	id, name := "99", ""
	switch e.outcome {
	case facts.Success:
		id, name = "1", `"Success"`
	case facts.Failure:
		id, name = "2", `"Failure"`
	default:
		if text := e.record.Text(status); len(text) == 0 {
			id, name = "0", `"Unknown"`
		}
	}
	switch {
	case !caption:
		e.out = append(e.out, id...)
	case name == "":
		e.out = appendText(e.out, e.record.Text(status))
	default:
		e.out = append(e.out, name...)
	}
	return false
}

// ownSeverity writes how bad the worst rule is that a record tells of.
func ownSeverity(e *Encoder, v *value) bool {
	s := facts.SeverityOf(&e.record, e.record.Root())
	switch {
	case s == facts.NoSeverity:
	case v.parameter == "caption":
		e.out = appendText(e.out, []byte(s.String()))
	default:
		e.out = strconv.AppendUint(e.out, uint64(s), 10)
	}
	return true
}

// outcomeOf is decided by the operation before ResultStatus.
func outcomeOf(operation, status []byte) facts.Outcome {
	var space [96]byte
	return facts.OutcomeOf(table.Fold(space[:0], operation), status)
}
