package source

import "o365-kafka-connector/internal/audit"

// fieldOf recognizes the members of the common schema, in Microsoft's spelling; other spellings are other members.
// https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-schema#common-schema
func fieldOf(name []byte) (audit.Field, bool) {
	switch string(name) {
	case "CreationTime":
		return audit.FieldCreationTime, true
	case "Id":
		return audit.FieldID, true
	case "RecordType":
		return audit.FieldRecordType, true
	case "Operation":
		return audit.FieldOperation, true
	case "OrganizationId":
		return audit.FieldOrganizationID, true
	case "UserType":
		return audit.FieldUserType, true
	case "UserKey":
		return audit.FieldUserKey, true
	case "Workload":
		return audit.FieldWorkload, true
	case "ResultStatus":
		return audit.FieldResultStatus, true
	case "ObjectId":
		return audit.FieldObjectID, true
	case "UserId":
		return audit.FieldUserID, true
	case "ClientIP":
		return audit.FieldClientIP, true
	case "Scope":
		return audit.FieldScope, true
	}
	return 0, false
}
