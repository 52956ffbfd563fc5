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
func RecordTypeNumber(name string) (int, bool) {
	name = strings.ToLower(strings.TrimSpace(name))
	if n, ok := formerRecordTypes[name]; ok {
		return n, true
	}
	n, ok := recordTypes().numbers[name]
	return n, ok
}
