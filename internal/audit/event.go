package audit

// Header is one header of a Kafka message.
type Header struct {
	Name  string
	Value []byte
}

// Event is a normalized record, ready to publish. Headers holds what differs from event to event; the headers that
// all events of a blob share stand in its Batch.
type Event struct {
	Topic   string
	Key     []byte // nil: no key
	Value   []byte
	Headers []Header
	Ordinal int // position of its record in the blob, from 0

	Identity Identity // of its record; zero: nobody asks whether it was published before
}
