package transform

import (
	"sync"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/transform/facts"
)

// tells are the record types of which the whole record has to be looked at, since they have a severity, or the client's
// address stands in another member than ClientIP.
var tells = sync.OnceValue(func() map[int]telling {
	m := map[int]telling{}
	for _, name := range []string{
		"SecurityComplianceAlerts", "MCASAlerts", "WDATPAlerts", "MS365DCustomDetection", "AadRiskDetection", "PurviewInsiderRiskAlerts",
		"InformationWorkerProtection", "AirInvestigation", "AirManualInvestigation", "AirAdminActionInvestigation",
		"ComplianceDLPSharePoint", "ComplianceDLPSharePointClassification", "ComplianceDLPExchange", "ComplianceDLPExchangeClassification",
		"DLPEndpoint", "OnPremisesFileShareScannerDlp", "OnPremisesSharePointScannerDlp",
	} {
		number, _ := facts.RecordTypeNumber(name)
		m[number] = severity
	}
	for _, name := range []string{
		"ExchangeItem", "ExchangeItemGroup", "ExchangeAggregatedOperation", "ExchangeItemAggregated", "ExchangeSearch",
		"AzureActiveDirectory", "AzureActiveDirectoryAccountLogon", "AzureActiveDirectoryStsLogon",
		"ThreatIntelligence", "ThreatIntelligenceUrl", "ThreatIntelligenceAtpContent", "HygieneEvent",
	} {
		number, _ := facts.RecordTypeNumber(name)
		m[number] = address
	}
	return m
})

// telling is what a record type has besides the common fields.
type telling int

const (
	nothing telling = iota
	severity
	address
)

// appendNormalized appends what Cortex XSOAR's integration does not tell of a record: the names of its record type and its
// user type, its severity, and the client's address without port and brackets.
func (t *Transformer) appendNormalized(dst []byte, r *audit.Record) []byte {
	start := len(dst)
	dst = append(dst, `,"Normalized":{`...)
	empty, tell := len(dst), nothing
	if n, ok := recordType(r.Text(audit.FieldRecordType)); ok {
		tell = tells()[n]
		if name, ok := facts.RecordTypeName(n); ok {
			dst = appendMember(dst, "RecordTypeName", name)
		}
	}
	if n, ok := digits(r.Text(audit.FieldUserType)); ok {
		if name, ok := facts.UserTypeName(int64(n)); ok {
			dst = appendMember(dst, "UserTypeName", name)
		}
	}
	client := facts.ParseAddress(r.Text(audit.FieldClientIP))
	switch {
	case tell == severity && t.tree.Parse(r.Raw) == nil:
		dst = appendMember(dst, "Severity", facts.SeverityOf(&t.tree, t.tree.Root()).String())
	case tell == address && !client.IP.IsValid() && t.tree.Parse(r.Raw) == nil:
		client = facts.ClientAddress(&t.tree, t.tree.Root())
	}
	if client.IP.IsValid() {
		dst = append(comma(dst), `"ClientAddress":"`...)
		dst = append(client.IP.AppendTo(dst), '"')
	} else {
		dst = appendMember(dst, "ClientAddress", string(client.Host))
	}
	if len(dst) == empty {
		return dst[:start]
	}
	return append(dst, '}')
}

// appendMember appends a member whose value needs no escapes, unless it is empty.
func appendMember(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(append(append(comma(dst), '"'), name...), `":"`...)
	return append(append(dst, value...), '"')
}

// comma appends a comma, unless an object begins.
func comma(dst []byte) []byte {
	if dst[len(dst)-1] != '{' {
		return append(dst, ',')
	}
	return dst
}
