package emulator

import "fmt"

var entraRecords = []weighted{{45, (*maker).logon}, {15, (*maker).failedLogon}, {40, (*maker).directoryChange}}

func (m *maker) logon() object { return m.signIn("UserLoggedIn", "0") }

// failedLogon says Success more often than not: ResultStatus tells of HTTP only.
func (m *maker) failedLogon() object {
	o := m.signIn("UserLoginFailed", pick(m, "50126", "50053", "50074", "50140", "53003"))
	o.set("ResultStatus", pick(m, "Success", "Success", "Failed"))
	return append(o, field{"LogonError", pick(m, "InvalidUserNameOrPassword", "IdsLocked", "UserStrongAuthClientAuthNRequiredInterrupt", "BlockedByConditionalAccess")})
}

func (m *maker) signIn(operation, errorNumber string) object {
	u := m.user()
	ip := m.address()
	app := m.guid()
	agent := pick(m, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15", "python-requests/2.32.3", "Microsoft Authenticator")
	o := m.common(head{kind: 15, workload: "AzureActiveDirectory", operation: operation, object: app, result: "Success", ip: ip, who: actor{u.upn, m.guid(), 0}})
	return append(o, object{
		{"AzureActiveDirectoryEventType", 1},
		{"ExtendedProperties", nameValues("ResultStatusDetail", pick(m, "Success", "Redirect"), "UserAgent", agent, "RequestType", pick(m, "OAuth2:Authorize", "Login:login", "Kmsi:kmsi", "SAS:ProcessAuth"))},
		{"ModifiedProperties", list{}},
		{"Actor", list{object{{"ID", m.guid()}, {"Type", 0}}, object{{"ID", u.upn}, {"Type", 5}}}},
		{"ActorContextId", m.tenant},
		{"ActorIpAddress", ip},
		{"InterSystemsId", markGUID},
		{"IntraSystemId", m.guid()},
		{"SupportTicketId", ""},
		{"Target", list{object{{"ID", app}, {"Type", 0}}}},
		{"TargetContextId", m.tenant},
		{"ApplicationId", m.guid()},
		{"DeviceProperties", nameValues("Id", m.guid(), "OS", pick(m, "Windows 10", "iOS", "MacOs", "Linux"), "BrowserType", pick(m, "Edge", "Chrome", "Other"), "IsCompliant", pick(m, "True", "False"), "SessionId", m.guid())},
		{"ErrorNumber", errorNumber},
	}...)
}

var directoryOperations = []string{
	"Add user.", "Update user.", "Delete user.", "Reset user password.", "Add member to role.", "Remove member from role.", "Add member to group.",
	"Remove member from group.", "Add service principal.", "Consent to application.", "Add OAuth2PermissionGrant.", "Update device.",
	"Update application \u2013 Certificates and secrets management ", "Disable Strong Authentication.", "Set domain authentication.", "Add group.", "Update StsRefreshTokenValidFrom Timestamp.",
}

func (m *maker) directoryChange() object {
	target, id := m.user(), m.guid()
	var ip string
	if m.chance(0.3) {
		ip = m.address()
	}
	operation := pick(m, directoryOperations...)
	o := m.common(head{kind: 8, workload: "AzureActiveDirectory", operation: operation, object: pick(m, target.upn, "Not Available", id), result: pick(m, "Success", "Success", "Success", "Failure", "success"), ip: ip})
	details := object{{"UserType", "Member"}, {"AppOwnerOrganizationId", m.tenant}, {"Note", "été “1” \\ 2"}}
	return append(o, object{
		{"AzureActiveDirectoryEventType", 1},
		{"ExtendedProperties", nameValues("additionalDetails", details.text(), "extendedAuditEventCategory", pick(m, "User", "Role", "Application", "Group"))},
		{"ModifiedProperties", m.directoryChanges(target)},
		{"Actor", list{object{{"ID", m.user().upn}, {"Type", 5}}, object{{"ID", target.key}, {"Type", 3}}, object{{"ID", "User_" + m.guid()}, {"Type", 2}}, object{{"ID", m.guid()}, {"Type", 2}}, object{{"ID", "User"}, {"Type", 2}}}},
		{"ActorContextId", m.tenant},
		{"InterSystemsId", markGUID},
		{"IntraSystemId", m.guid()},
		{"SupportTicketId", ""},
		{"Target", list{object{{"ID", "User_" + id}, {"Type", 2}}, object{{"ID", id}, {"Type", 2}}, object{{"ID", "User"}, {"Type", 2}}, object{{"ID", target.upn}, {"Type", 5}}, object{{"ID", target.name}, {"Type", 1}}}},
		{"TargetContextId", m.tenant},
	}...)
}

func (m *maker) directoryChanges(target person) any {
	if m.chance(0.1) {
		return list{}
	}
	return list{
		change("DisplayName", `[]`, fmt.Sprintf("[\r\n  %q\r\n]", target.name)),
		change("AccountEnabled", "[\r\n  false\r\n]", "[\r\n  true\r\n]"),
		change("Role.TemplateId", "", `"`+m.guid()+`"`),
		change("Included Updated Properties", "", "AccountEnabled, DisplayName"),
		change("TargetId.UserType", "", "Member"),
	}
}
