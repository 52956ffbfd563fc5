package facts

import (
	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/transform/tree"
)

// fieldNames are the members of a record that are known without taking it apart.
var fieldNames = [audit.FieldCount]string{
	audit.FieldCreationTime: "CreationTime", audit.FieldID: "Id", audit.FieldRecordType: "RecordType",
	audit.FieldOperation: "Operation", audit.FieldOrganizationID: "OrganizationId", audit.FieldUserType: "UserType",
	audit.FieldUserKey: "UserKey", audit.FieldWorkload: "Workload", audit.FieldResultStatus: "ResultStatus",
	audit.FieldObjectID: "ObjectId", audit.FieldUserID: "UserId", audit.FieldClientIP: "ClientIP", audit.FieldScope: "Scope",
}

// AppendFields appends an object of what is known of a record that cannot be taken apart: all as texts.
func AppendFields(dst []byte, r *audit.Record) []byte {
	dst = append(dst, '{')
	for f, v := range r.Fields {
		if len(v.Text) == 0 {
			continue
		}
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), fieldNames[f]...), `":`...)
		dst = append(tree.AppendRepaired(append(dst, '"'), v.Text), '"')
	}
	return append(dst, '}')
}
