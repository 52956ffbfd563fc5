package audit

// FieldOf recognizes the members of the common schema, in Microsoft's spelling; other spellings are other members.
// https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-schema#common-schema
func FieldOf(name []byte) (Field, bool) {
	switch string(name) {
	case "CreationTime":
		return FieldCreationTime, true
	case "Id":
		return FieldID, true
	case "RecordType":
		return FieldRecordType, true
	case "Operation":
		return FieldOperation, true
	case "OrganizationId":
		return FieldOrganizationID, true
	case "UserType":
		return FieldUserType, true
	case "UserKey":
		return FieldUserKey, true
	case "Workload":
		return FieldWorkload, true
	case "ResultStatus":
		return FieldResultStatus, true
	case "ObjectId":
		return FieldObjectID, true
	case "UserId":
		return FieldUserID, true
	case "ClientIP":
		return FieldClientIP, true
	case "Scope":
		return FieldScope, true
	}
	return 0, false
}
