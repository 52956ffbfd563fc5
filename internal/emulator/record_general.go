package emulator

import "fmt"

var generalRecords = []weighted{
	{35, (*maker).teams},
	{10, (*maker).alert},
	{10, (*maker).complianceCmdlet},
	{12, (*maker).powerBI},
	{8, (*maker).vivaEngage},
	{10, (*maker).copilot},
	{8, (*maker).threat},
	{7, (*maker).unlisted},
}

func (m *maker) teams() object {
	o := m.common(head{kind: 25, workload: "MicrosoftTeams", operation: pick(m, "TeamsSessionStarted", "MemberAdded", "MemberRemoved", "ChannelAdded", "MessageSent", "ChatCreated", "TeamSettingChanged", "BotAddedToTeam"), ip: m.address()})
	member := m.user()
	return append(o, object{
		{"AADGroupId", m.guid()},
		{"ChannelGuid", "19:" + m.guid() + "@thread.tacv2"},
		{"ChannelName", pick(m, "General", "Général", "お知らせ")},
		{"CommunicationType", "Team"},
		{"ExtraProperties", list{object{{"Key", "TimeZone"}, {"Value", "Europe/Berlin"}}, object{{"Key", "OsName"}, {"Value", "windows"}}}},
		{"Members", list{object{{"DisplayName", member.name}, {"Role", m.random.IntN(3)}, {"UPN", member.upn}}}},
		{"MessageId", fmt.Sprint(m.big())},
		{"TeamGuid", "19:" + m.guid() + "@thread.tacv2"},
		{"TeamName", "Projekt „Ausblick“ 🚀"},
	}...)
}

func (m *maker) alert() object {
	o := m.common(head{kind: 40, workload: "SecurityComplianceCenter", operation: pick(m, "AlertTriggered", "AlertEntityGenerated", "AlertUpdated"), who: actor{"SecurityComplianceAlerts", "SecurityComplianceAlerts", 4}})
	data := object{{"etype", "User"}, {"eid", m.user().upn}, {"tid", m.tenant}, {"ts", "2026-01-05T08:00:00.0000000Z"}, {"lon", "Creation of forwarding/redirect rule"}, {"wl", "Exchange"}}
	return append(o, object{
		{"AlertId", m.guid()},
		{"AlertType", "System"},
		{"AlertLinks", list{}},
		{"Category", pick(m, "ThreatManagement", "DataLossPrevention", "AccessGovernance")},
		{"Comments", "New alert"},
		{"Data", data.text()},
		{"Name", pick(m, "Creation of forwarding/redirect rule", "Elevation of Exchange admin privilege", "Suspicious email sending patterns detected")},
		{"PolicyId", m.guid()},
		{"Severity", pick(m, "Low", "Medium", "High", "Informational")},
		{"Source", "Office 365 Security & Compliance"},
		{"Status", pick(m, "Active", "Investigating", "Resolved", "Dismissed")},
	}...)
}

// complianceCmdlet has its parameters as one string.
func (m *maker) complianceCmdlet() object {
	o := m.common(head{kind: 18, workload: "SecurityComplianceCenter", operation: pick(m, "Get-ComplianceSearch", "New-ComplianceSearchAction", "Set-DlpCompliancePolicy", "SearchCreated")})
	return append(o, object{
		{"StartTime", markTime},
		{"ClientRequestId", markGUID},
		{"CmdletVersion", "15.20.8093.013"},
		{"EffectiveOrganization", m.domain},
		{"UserServicePlan", ""},
		{"ClientApplication", "EMC"},
		{"Parameters", `-Name "Case 7" -ContentMatchQuery "(subject:\"Gehalt\") AND sent>=2026-01-01"`},
		{"NonPIIParameters", `-Name "<PII>" -ContentMatchQuery "<PII>"`},
		{"ExtendedProperties", "none"},
	}...)
}

func (m *maker) powerBI() object {
	o := m.common(head{kind: 20, workload: "PowerBI", operation: pick(m, "ViewReport", "ExportReport", "CreateDataset", "ShareDashboard", "GetRefreshHistory"), object: m.guid(), ip: m.address()})
	return append(o, object{
		{"Activity", "ViewReport"},
		{"ItemName", "Umsatz"},
		{"WorkSpaceName", "Vertrieb"},
		{"DatasetName", "Umsatz"},
		{"ReportName", "Umsatz"},
		{"WorkspaceId", m.guid()},
		{"IsSuccess", true},
		{"RequestId", markGUID},
		{"ActivityId", m.guid()},
		{"ConsumptionMethod", "Power BI Web"},
		{"OperationProperties", `[{"Name":"Pages","Value":"3"}]`},
		{"AdditionalInfo", `{"a":[1,2,{"b":null}]}`},
	}...)
}

func (m *maker) vivaEngage() object {
	o := m.common(head{kind: 22, workload: "Yammer", operation: pick(m, "MessageCreated", "MessageViewed", "GroupCreation", "FileCreated"), result: pick(m, "TRUE", "FALSE"), ip: m.v4()})
	return append(o, object{
		{"ActorUserId", m.user().upn}, {"ActorYammerUserId", m.big()}, {"GroupName", "All Company"}, {"MessageId", m.big()}, {"YammerNetworkId", m.big()}, {"FileId", nil}, {"VersionId", nil},
	}...)
}

func (m *maker) copilot() object {
	o := m.common(head{kind: 261, workload: "Copilot", operation: "CopilotInteraction", ip: "ffff:10.11.0.229"})
	return append(o, object{
		{"ClientRegion", "de"},
		{"CopilotLogVersion", "1.0.0.0"},
		{"CopilotEventData", object{
			{"AppHost", pick(m, "Teams", "Word", "Bing")},
			{"ThreadId", "19:" + m.guid() + "@thread.v2"},
			{"Contexts", list{object{{"Id", "https://contoso.sharepoint.com/doc.docx"}, {"Type", "docx"}}}},
			{"Messages", list{object{{"Id", fmt.Sprint(m.big())}, {"isPrompt", true}, {"Size", 120}}, object{{"Id", fmt.Sprint(m.big())}, {"isPrompt", false}}}},
			{"AccessedResources", list{object{{"Action", "read"}, {"ID", m.guid()}, {"Name", "Strategie.docx"}, {"SensitivityLabelId", m.guid()}}}},
			{"AISystemPlugin", list{object{{"Id", "BingWebSearch"}, {"Name", "BuiltIn"}}}},
			{"ModelTransparencyDetails", list{object{{"ModelName", "DEEP_LEO"}}}},
		}},
	}...)
}

func (m *maker) threat() object {
	o := m.common(head{kind: pick(m, 28, 41), workload: "ThreatIntelligence", operation: pick(m, "TIMailData", "TIUrlClickData"), who: actor{"ThreatIntel", "ThreatIntel", 4}})
	return append(o, object{
		{"NetworkMessageId", markGUID},
		{"InternetMessageId", m.messageID()},
		{"P1Sender", "bounce@phish.example"},
		{"P2Sender", "ceo@phish.example"},
		{"Recipients", list{m.user().upn}},
		{"SenderIp", m.v4()},
		{"UserIp", m.v4()},
		{"Subject", "Dringend: Überweisung"},
		{"Verdict", pick(m, "Phish", "Spam", "Malware")},
		{"DetectionMethod", "Advanced filter"},
		{"URL", "https://phish.example/?a=1&b=<2>"},
		{"URLClickAction", 2},
		{"TimeOfClick", markTime},
		{"AttachmentData", list{object{{"FileName", "Rechnung.html"}, {"FileType", "html;text"}, {"SHA256", fmt.Sprintf("%064X", m.random.Uint64())}}}},
		{"AuthDetails", nameValues("SPF", "Fail", "DKIM", "None", "DMARC", "Fail")},
	}...)
}

// unlisted has a record type that no table knows.
func (m *maker) unlisted() object {
	o := m.common(head{kind: pick(m, 117, 341, 9999), workload: pick(m, "PublicEndpoint", "Planner", "MicrosoftForms", "CRM"), operation: pick(m, "ManagedServiceOperation", "TaskCompleted", "ViewForm", "CrmDefaultActivity"), object: `{"tenantSettings":{"a":true}}`})
	return append(o, object{{"ID", 7}, {"recipientCount", 3}, {"Data State", "Use"}, {"Unknown", object{{"nested", list{list{1, 2.5e3}, nil}}}}}...)
}
