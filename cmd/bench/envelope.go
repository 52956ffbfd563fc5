package main

import (
	"bytes"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// envelope wraps records as incidents in the plain way: the record is parsed once more for its fields, and quoted
// with jsontext.
type envelope struct {
	in     *bytes.Reader
	json   *jsontext.Decoder
	fields [][]byte
	out    []byte
}

// contextFields are the fields of the context record, by the name in the record and in the incident.
var contextFields = []struct{ from, to string }{
	{"CreationTime", "CreationTime"},
	{"Id", "ID"},
	{"RecordType", "RecordType"},
	{"Operation", "Operation"},
	{"OrganizationId", "OrganizationID"},
	{"UserType", "UserType"},
	{"UserKey", "UserKey"},
	{"Workload", "Workload"},
	{"ResultStatus", "ResultsStatus"},
	{"ObjectId", "ObjectID"},
	{"UserId", "UserID"},
	{"ClientIP", "ClientIP"},
	{"Scope", "Scope"},
}

var fieldIndex = func() map[string]int {
	index := map[string]int{}
	for i, f := range contextFields {
		index[f.from] = i
	}
	return index
}()

func newEnvelope() *envelope {
	in := bytes.NewReader(nil)
	return &envelope{in: in, json: jsontext.NewDecoder(in), fields: make([][]byte, len(contextFields))}
}

// incident returns the record as an incident, in a buffer that stands until the next call.
func (e *envelope) incident(record []byte) ([]byte, error) {
	if err := e.read(record); err != nil {
		return nil, err
	}
	out := append(e.out[:0], `{"name":"Microsoft Management Activity: `...)
	out = append(out, bytes.Trim(e.fields[1], `"`)...)
	out = append(out, `","occurred":`...)
	out = append(out, e.fields[0]...)
	out = append(out, `,"rawJSON":`...)
	out, err := jsontext.AppendQuote(out, record)
	if err != nil {
		return nil, fmt.Errorf("quote record: %w", err)
	}
	out = append(out, `,"MicrosoftManagement":{"ContentRecord":{`...)
	first := true
	for i, value := range e.fields {
		if len(value) == 0 {
			continue
		}
		if !first {
			out = append(out, ',')
		}
		first = false
		out = append(out, '"')
		out = append(out, contextFields[i].to...)
		out = append(out, '"', ':')
		out = append(out, value...)
	}
	e.out = append(out, "}}}"...)
	return e.out, nil
}

// read finds the fields; they alias the decoder's copy of the record.
func (e *envelope) read(record []byte) error {
	clear(e.fields)
	e.in.Reset(record)
	e.json.Reset(e.in, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if _, err := e.json.ReadToken(); err != nil {
		return fmt.Errorf("parse record: %w", err)
	}
	for e.json.PeekKind() != '}' {
		name, err := e.json.ReadValue()
		if err != nil {
			return fmt.Errorf("parse record: %w", err)
		}
		i, wanted := fieldIndex[string(bytes.Trim(name, `"`))]
		value, err := e.json.ReadValue()
		if err != nil {
			return fmt.Errorf("parse record: %w", err)
		}
		if wanted {
			end := e.json.InputOffset()
			e.fields[i] = record[end-int64(len(value)) : end]
		}
	}
	return nil
}
