// Package ecs turns records into events of the Elastic Common Schema, in the shape that Elastic's own rules for the data
// set o365.audit expect.
//
// What becomes of a record is told by tables that stand beside this file: categories.tsv says what kind of act it is,
// fields.tsv what each field is made of, record.tsv how the record itself stands in o365.audit. The code only carries them
// out. To map more, add a row; the tests check every field against the list of ECS and show what changed.
//
// A record never fails: what it lacks is absent, and what has another type than a field can take stands in o365.audit
// alone. An event needs one pass over the record and memory in proportion to it.
//
// https://www.elastic.co/docs/reference/ecs
package ecs

import (
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/transform/facts"
	"o365-kafka-connector/internal/transform/table"
	"o365-kafka-connector/internal/transform/tree"
)

// Version is the version of ECS.
const Version = "9.4.0"

// keepBuffer is the largest buffer that is kept for the next event.
const keepBuffer = 1 << 20

// Options say where records come from.
type Options struct {
	Stream audit.Stream
	Now    func() time.Time // nil: the clock
}

// Encoder makes events. One goroutine at a time may use it.
type Encoder struct {
	options            Options
	tenant, tenantName []byte

	blob               audit.Blob // that the following was made for
	published, created []byte     // when the blob's events were made, and its contentCreated
	source             []byte     // all of it as an object

	record *audit.Record
	tree   tree.Tree
	top    []tree.Node // by slot
	said   said
	w      tree.Writer

	inner     tree.Tree // JSON that stands in a string of the record
	names     tree.Names
	found     []tree.Node
	entries   []entry
	operation []byte // folded
	fields    []byte // of a record that cannot be taken apart
	small     []byte // short texts that stand until the next event
}

// said is what is worked out of a whole record.
type said struct {
	recordType int64 // -1: none
	category   *category
	outcome    facts.Outcome
	client     facts.Address
	clientIP   []byte
	targetUser []byte // the object id of the user that was acted on
	targetName []byte // and the user's principal name
}

// NewEncoder returns an encoder of the records of one stream.
func NewEncoder(o Options) *Encoder {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Encoder{
		options: o, tenant: []byte(o.Stream.Tenant.ID), tenantName: []byte(o.Stream.Tenant.Name),
		top: make([]tree.Node, len(programs().slots)),
	}
}

// Append appends the event that a record of a blob becomes, on one line and in valid UTF-8.
func (e *Encoder) Append(dst []byte, b audit.Blob, r *audit.Record) []byte {
	if e.source == nil || e.blob != b {
		e.begin(b)
	}
	if e.small = e.small[:0]; cap(e.small) > keepBuffer {
		e.small = nil
	}
	e.record = r
	if e.tree.Parse(r.Raw) != nil {
		e.fields = facts.AppendFields(e.fields[:0], r)
		_ = e.tree.Parse(e.fields)
	}
	set := programs()
	e.fill(set.slots)
	e.look()
	e.w.Reset(dst)
	e.run(set.of(e.said.recordType))
	return e.w.Bytes()
}

// begin tells where the following records come from.
func (e *Encoder) begin(b audit.Blob) {
	e.blob = b
	e.published = facts.AppendTime(nil, e.options.Now())
	e.created = facts.AppendTime(nil, b.Created)
	var w tree.Writer
	w.Object("")
	w.Text("tenant", e.tenant)
	w.Text("tenant_name", e.tenantName)
	w.Text("content_type", []byte(e.options.Stream.ContentType))
	w.Text("content_id", []byte(b.ID))
	w.Text("content_created", e.created)
	w.Text("published", e.published)
	w.Close()
	if e.source = w.Bytes(); len(e.source) == len("{}") {
		e.source = []byte{} // nothing is known
	}
}

// look works out what the record says as a whole.
func (e *Encoder) look() {
	t, root := &e.tree, e.tree.Root()
	e.operation = table.Fold(e.operation[:0], t.Text(t.Get(root, "Operation")))
	s := said{recordType: -1}
	if number, ok := e.recordType(t.Get(root, "RecordType")); ok {
		s.recordType = number
	}
	s.category = categories().of(s.recordType, e.operation)
	s.outcome = facts.OutcomeOf(e.operation, t.Text(t.Get(root, "ResultStatus")))
	if s.client = facts.ClientAddress(t, root); s.client.IP.IsValid() {
		s.clientIP = e.keep(func(dst []byte) []byte { return s.client.IP.AppendTo(dst) })
	}
	s.targetUser, s.targetName = e.target(t.Get(root, "Target"))
	e.said = s
}

// recordType reads a number, a number in quotes, or a name.
func (e *Encoder) recordType(n tree.Node) (int64, bool) {
	if number, ok := e.tree.Int(n); ok {
		return number, number >= 0
	}
	if e.tree.Kind(n) != tree.String {
		return 0, false
	}
	number, ok := facts.RecordTypeNumber(e.tree.Text(n))
	return int64(number), ok
}

// keep returns what was appended to the buffer that holds small texts of one event.
func (e *Encoder) keep(appendTo func([]byte) []byte) []byte {
	start := len(e.small)
	e.small = appendTo(e.small)
	return e.small[start:len(e.small):len(e.small)]
}

// Types of identities in the lists Actor and Target.
const (
	identityOther = 2 // an object id, or a tag of what the object is, such as User or User_<object id>
	identityUPN   = 5
)

// target returns the user whom a change of the directory concerns, by object id and by principal name; nothing if it
// concerns something else.
func (e *Encoder) target(list tree.Node) (id, name []byte) {
	t := &e.tree
	user := false
	for n := t.First(list); n != tree.None; n = t.Next(n) {
		text := t.Text(t.Get(n, "ID"))
		kind, _ := t.Int(t.Get(n, "Type"))
		switch {
		case kind == identityUPN && len(name) == 0:
			name, user = text, true
		case kind == identityOther && facts.IsGUID(text) && len(id) == 0:
			id = text
		case kind == identityOther && string(text) == "User":
			user = true
		}
	}
	if !user {
		return nil, nil
	}
	return id, name
}
