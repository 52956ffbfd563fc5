package command

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/control"
	"o365-kafka-connector/internal/transform"
)

// partSize is how much of an answer is collected before it is emitted, in bytes of text and of context.
const partSize = 256 << 10

// contentParts makes the answer of list-content, part by part. Calls may be concurrent.
type contentParts struct {
	call  *call
	title string

	mu      sync.Mutex // guards the following
	text    strings.Builder
	list    []byte // entries with commas between them
	emitted bool
	rows    int
}

var contentColumns = []string{"ID", "CreationTime", "Workload", "Operation"}

// contentWidths fit most records; nobody can know before the last one.
var contentWidths = []int{36, 19, 22, 24}

func newContentParts(c *call) *contentParts {
	return &contentParts{call: c, title: "Content for content type " + c.typed()}
}

// begun reports whether there is anything to show.
func (p *contentParts) begun() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rows > 0
}

func (p *contentParts) add(tenant string, r *audit.Record) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	cells := []string{
		string(r.Text(audit.FieldID)), string(r.Text(audit.FieldCreationTime)),
		string(r.Text(audit.FieldWorkload)), string(r.Text(audit.FieldOperation)),
	}
	columns, widths := contentColumns, contentWidths
	if p.call.several() {
		columns, widths = append([]string{"Tenant"}, columns...), append([]int{12}, widths...)
		cells = append([]string{tenant}, cells...)
	}
	if p.rows == 0 {
		p.text.WriteString("### " + cell(p.title) + "\n")
		writeHead(&p.text, columns, widths)
	}
	p.rows++
	writeRow(&p.text, cells, widths)
	if len(p.list) > 0 {
		p.list = append(p.list, ',')
	}
	p.list = transform.AppendContextRecord(p.list, r)
	if p.text.Len()+len(p.list) >= partSize {
		return p.flush()
	}
	return nil
}

// finish emits what is left; an answer has at least one part.
func (p *contentParts) finish() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rows == 0 {
		p.text.WriteString((&table{title: cell(p.title)}).String())
	}
	if p.emitted && len(p.list) == 0 {
		return nil
	}
	return p.flush()
}

func (p *contentParts) flush() error {
	var context bytes.Buffer
	context.WriteString(`{"MicrosoftManagement":{"ContentRecord":[`)
	context.Write(p.list)
	context.WriteString(`]}}`)
	text := p.text.String()
	p.text.Reset()
	p.list, p.emitted = p.list[:0], true
	return p.call.emit(control.Reply{
		Outcome: control.OutcomeDone, HumanReadable: text, Context: json.RawMessage(context.Bytes()),
	})
}
