package ocsf

// maxKnown bounds the pairs of record type and operation that one encoder remembers, whatever the records say.
const maxKnown = 2048

// maxKnownName is the longest name of an operation that is remembered.
const maxKnownName = 128

// known remembers the rows for record types and operations, of which there are few.
type known struct {
	malformed []candidate
	of        map[int]map[string][]candidate
	count     int
}

func newKnown(t *mapping) *known {
	return &known{malformed: []candidate{t.malformed()}, of: map[int]map[string][]candidate{}}
}

func (k *known) candidates(t *mapping, recordType int, operation []byte) []candidate {
	if found, ok := k.of[recordType][string(operation)]; ok {
		return found
	}
	found := t.candidates(recordType, operation)
	if len(operation) > maxKnownName {
		return found
	}
	if k.count >= maxKnown {
		clear(k.of)
		k.count = 0
	}
	if k.of[recordType] == nil {
		k.of[recordType] = map[string][]candidate{}
	}
	k.of[recordType][string(operation)] = found
	k.count++
	return found
}
