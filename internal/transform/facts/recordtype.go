package facts

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
)

// The record types of Microsoft's table AuditLogRecordType, and a few that it no longer lists: number, tab, name. The
// table grows without notice, so a number that it lacks is no error.
// https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-schema#auditlogrecordtype
//
//go:embed record-types.tsv
var recordTypeTSV string

// MaxRecordType is how long a record type's name or number is at most, in bytes and with the spaces around it: a record may
// say anything in its place, at any length, and must not take longer for it.
const MaxRecordType = 100

// formerRecordTypes are names that Microsoft has changed since, in lower case.
var formerRecordTypes = map[string]int{"workplaceanalytics": 44}

type recordTypeTable struct {
	names   map[int]string
	numbers map[string]int // by name in lower case
}

var recordTypes = sync.OnceValue(func() recordTypeTable {
	t := recordTypeTable{names: map[int]string{}, numbers: map[string]int{}}
	for line := range strings.Lines(recordTypeTSV) {
		number, name, _ := strings.Cut(strings.TrimSpace(line), "\t")
		n, err := strconv.Atoi(number)
		if err != nil {
			continue // the heading
		}
		t.names[n] = name
		t.numbers[strings.ToLower(name)] = n
	}
	return t
})

// RecordTypes returns Microsoft's names of the record types, by number. The map must not be changed.
func RecordTypes() map[int]string { return recordTypes().names }

// RecordTypeName returns Microsoft's name of a record type.
func RecordTypeName(number int) (string, bool) {
	name, ok := recordTypes().names[number]
	return name, ok
}

// RecordTypeNumber returns the number of a record type's name or former name, in any letter case.
func RecordTypeNumber[T string | []byte](name T) (int, bool) {
	if len(name) > MaxRecordType {
		return 0, false
	}
	folded := strings.ToLower(strings.TrimSpace(string(name)))
	if n, ok := formerRecordTypes[folded]; ok {
		return n, true
	}
	n, ok := recordTypes().numbers[folded]
	return n, ok
}
