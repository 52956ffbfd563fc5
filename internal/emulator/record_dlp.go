package emulator

var dlpRecords = []weighted{{55, (*maker).dlpSharePoint}, {30, (*maker).dlpExchange}, {15, (*maker).dlpEndpoint}}

func (m *maker) dlpOperation() string {
	return pick(m, "DlpRuleMatch", "DlpRuleMatch", "DlpRuleUndo", "DlpInfo", "DLPRuleMatch")
}

func (m *maker) policyDetails() list {
	information := object{
		{"Confidence", 85},
		{"Count", 1 + m.random.IntN(40)},
		{"SensitiveType", m.guid()},
		{"UniqueCount", 1},
		{"SensitiveInformationDetections", object{{"DetectedValues", nameValues("4111111111111111", "Karte: 4111111111111111, gültig bis 12/29")}, {"ResultsTruncated", false}}},
	}
	rule := object{
		{"Actions", list{"NotifyUser", "GenerateIncidentReport"}},
		{"ConditionsMatched", object{{"ConditionMatchedInNewScheme", true}, {"SensitiveInformation", list{information}}, {"OtherConditions", list{}}, {"DocumentProperties", list{}}}},
		{"RuleId", m.guid()},
		{"RuleMode", pick(m, "Enable", "Audit")},
		{"RuleName", "Kreditkarten – extern"},
		{"Severity", pick(m, "Low", "Medium", "High")},
	}
	return list{object{{"PolicyId", m.guid()}, {"PolicyName", "PCI DSS"}, {"Rules", list{rule}}}}
}

func (m *maker) dlp(h head) object {
	h.operation = m.dlpOperation()
	h.who.key = pick(m, "DlpAgent", "DLPAgent", m.user().key)
	h.who.id, h.who.kind = m.user().upn, 4
	o := m.common(h)
	return append(o, object{{"IncidentId", markGUID}, {"PolicyDetails", m.policyDetails()}, {"SensitiveInfoDetectionIsIncluded", m.chance(0.5)}}...)
}

func (m *maker) dlpSharePoint() object {
	o := m.dlp(head{kind: 11, workload: pick(m, "SharePoint", "OneDrive"), object: "https://contoso.sharepoint.com/a.docx"})
	o = append(o, field{"SharePointMetaData", object{
		{"FileName", pick(m, fileNames...)},
		{"FileOwner", m.user().name},
		{"FilePathUrl", "https://contoso.sharepoint.com/a.docx"},
		{"From", m.user().upn},
		{"itemCreationTime", "2026-01-05T08:00:00"},
		{"ItemLastModifiedTime", "2026-01-05T08:00:00Z"},
		{"SiteCollectionGuid", m.guid()},
		{"UniqueID", m.guid()},
	}})
	if m.chance(0.2) {
		o = append(o, field{"ExceptionInfo", pick[any](m, "Reason=override", object{{"Reason", "FalsePositive"}, {"Justification", `"ja"`}})})
	}
	return o
}

func (m *maker) dlpExchange() object {
	o := m.dlp(head{kind: 13, workload: "Exchange", object: m.messageID()})
	return append(o, field{"ExchangeMetaData", object{
		{"BCC", list{}},
		{"CC", list{}},
		{"FileSize", 8192},
		{"From", m.user().upn},
		{"MessageID", m.messageID()},
		{"RecipientCount", 1},
		{"Sent", markTime},
		{"Subject", "Daten für Sie"},
		{"To", list{"someone@partner.example"}},
		{"UniqueID", m.guid()},
	}})
}

func (m *maker) dlpEndpoint() object {
	o := m.dlp(head{kind: 63, workload: "Endpoint", object: `C:\Users\adele\Desktop\Kunden.csv`, ip: m.v4()})
	return append(o, field{"EndpointMetaData", object{
		{"DeviceName", "desktop-01.contoso.example"},
		{"EndpointOperation", "FileCopiedToRemovableMedia"},
		{"EnforcementMode", 1},
		{"FileExtension", "csv"},
		{"MDATPDeviceId", m.guid()},
		{"OriginatingDomain", ""},
		{"Platform", 1},
		{"SensitiveInfoTypeData", list{object{{"Confidence", 85}, {"Count", 4}, {"SensitiveInfoTypeId", m.guid()}, {"SensitiveInfoTypeName", "Credit Card Number"}}}},
	}})
}
