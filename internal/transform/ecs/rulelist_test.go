package ecs_test

// What the records of the rules below have in common.
const (
	cmdlet  = `"RecordType":1,"Workload":"Exchange","ResultStatus":"True","Operation":`
	refused = `"RecordType":1,"Workload":"Exchange","ResultStatus":"False","Operation":`
	teams   = `"RecordType":23,"Workload":"MicrosoftTeams","ResultStatus":"Success","Operation":`
	file    = `"RecordType":6,"Workload":"OneDrive","ObjectId":"https://contoso-my.sharepoint.com/a.docx","Operation":`
	site    = `"RecordType":4,"Workload":"SharePoint","Operation":`
	mail    = `"RecordType":3,"Workload":"Exchange","ResultStatus":"Succeeded","Operation":`
	access  = `"RecordType":50,"Workload":"Exchange","ResultStatus":"Succeeded","LogonType":0,"Operation":"MailItemsAccessed",`
	signIn  = `"RecordType":15,"Workload":"AzureActiveDirectory","ResultStatus":"Success","ClientIP":"203.0.113.9:50123","Operation":`
	change  = `"RecordType":8,"Workload":"AzureActiveDirectory","ResultStatus":"Success","Operation":`
	alert   = `"RecordType":40,"Workload":"SecurityComplianceCenter","ResultStatus":"Succeeded","Operation":"AlertTriggered","Name":`
)

var (
	dataset  = is("data_stream.dataset", "o365.audit")
	former   = is("event.dataset", "o365.audit") // in rules of before
	web      = is("event.category", "web")
	success  = is("event.outcome", "success")
	exchange = is("event.provider", "Exchange")
	files    = is("event.provider", "SharePoint", "OneDrive")
)

func action(names ...string) query { return is("event.action", names...) }

var rules = []rule{
	{
		link: elastic + "collection_exchange_new_inbox_rule.toml",
		query: all(web, exchange, action("New-InboxRule", "Set-InboxRule"), success, anyOf(
			outside("o365.audit.Parameters.ForwardTo"), outside("o365.audit.Parameters.ForwardAsAttachmentTo"),
			outside("o365.audit.Parameters.ForwardingAddress"), outside("o365.audit.Parameters.ForwardingSmtpAddress"),
			outside("o365.audit.Parameters.RedirectTo"), outside("o365.audit.Parameters.RedirectToRecipients"),
		)),
		match: cmdlet + `"New-InboxRule","Parameters":[{"Name":"ForwardTo","Value":"smtp:x@attacker.example"}]`,
		miss: []string{
			cmdlet + `"New-InboxRule","Parameters":[{"Name":"ForwardTo","Value":"smtp:adele@contoso.example"}]`,
			cmdlet + `"New-InboxRule","Parameters":[{"Name":"ForwardTo","Value":null},{"Name":"MarkAsRead","Value":"True"}]`,
			refused + `"New-InboxRule","Parameters":[{"Name":"ForwardTo","Value":"smtp:x@attacker.example"}]`,
		},
	},
	{
		link: elastic + "collection_sharepoint_file_download_via_powershell.toml",
		query: all(former, files, action("FileDownloaded", "FileAccessed"), success,
			like("user_agent.original", "powershell|pnpps|pnpcoresdk|sharepointpnp")),
		match: file + `"FileDownloaded","UserAgent":"Mozilla/5.0 (Windows NT 10.0) WindowsPowerShell/5.1"`,
		miss: []string{
			file + `"FileDownloaded","UserAgent":"Mozilla/5.0 (Windows NT 10.0) Edg/131.0"`,
			file + `"FilePreviewed","UserAgent":"WindowsPowerShell/5.1"`,
		},
	},
	{
		link: elastic + "defense_impairment_sharepoint_sharing_policy_weakened.toml",
		query: all(dataset, files, action("SharingPolicyChanged"), success,
			like("o365.audit.ModifiedProperties.ShareWithGuests.NewValue", "^(true|enabled)$"),
			like("o365.audit.ModifiedProperties.ShareWithGuests.OldValue", "^(false|disabled)$")),
		match: site + `"SharingPolicyChanged","ModifiedProperties":[{"Name":"ShareWithGuests","NewValue":"Enabled","OldValue":"Disabled"}]`,
		miss: []string{
			site + `"SharingPolicyChanged","ModifiedProperties":[{"Name":"ShareWithGuests","NewValue":"Disabled","OldValue":"Enabled"}]`,
			site + `"SharingPolicyChanged","ModifiedProperties":["ShareWithGuests"]`,
		},
	},
	{
		link: elastic + "defense_evasion_mfa_notification_email_deleted.toml",
		query: all(web, former, exchange, action("SoftDelete", "HardDelete", "MoveToDeletedItems"), success,
			like("o365.audit.AffectedItems.Subject", "new mfa|authenticator|security info"),
			not(like("o365.audit.AffectedItems.Subject", "sign-in|log in|logon"))),
		match: mail + `"SoftDelete","AffectedItems":[{"Id":"1","Subject":"hello"},{"Id":"2","Subject":"New MFA method added"}]`,
		miss: []string{
			mail + `"SoftDelete","AffectedItems":[{"Id":"1","Subject":"hello"}]`,
			mail + `"Move","AffectedItems":[{"Id":"2","Subject":"New MFA method added"}]`,
		},
	},
	{
		link: elastic + "discovery_sharepoint_sensitive_term_search.toml",
		query: all(web, dataset, is("event.provider", "SharePoint"), action("SearchQueryPerformed"), success,
			like("o365.audit.SearchQueryText", "password|credential|secret|api key")),
		match: site + `"SearchQueryPerformed","SearchQueryText":"vpn Passwords"`,
		miss:  []string{site + `"SearchQueryPerformed","SearchQueryText":"lunch"`, site + `"PageViewed","SearchQueryText":"password"`},
	},
	{
		link: elastic + "defense_impairment_exchange_dkim_signing_config_disabled.toml",
		query: all(dataset, exchange, web, action("Set-DkimSigningConfig"),
			is("o365.audit.Parameters.Enabled", "False"), success),
		match: cmdlet + `"Set-DkimSigningConfig","Parameters":[{"Name":"Identity","Value":"contoso"},{"Name":"Enabled","Value":"False"}]`,
		miss: []string{
			cmdlet + `"Set-DkimSigningConfig","Parameters":[{"Name":"Enabled","Value":"True"}]`,
			refused + `"Set-DkimSigningConfig","Parameters":[{"Name":"Enabled","Value":"False"}]`,
		},
	},
	{
		link:  elastic + "defense_impairment_exchange_mailbox_audit_bypass_association.toml",
		query: all(dataset, exchange, action("Set-MailboxAuditBypassAssociation"), success),
		match: cmdlet + `"Set-MailboxAuditBypassAssociation"`,
		miss:  []string{refused + `"Set-MailboxAuditBypassAssociation"`, cmdlet + `"Set-Mailbox"`},
	},
	{
		link: elastic + "defense_impairment_teams_external_access_enabled.toml",
		query: all(dataset, is("event.provider", "SkypeForBusiness", "MicrosoftTeams"), web,
			action("Set-CsTenantFederationConfiguration"), is("o365.audit.Parameters.AllowFederatedUsers", "True"), success),
		match: teams + `"Set-CsTenantFederationConfiguration","Parameters":[{"Name":"AllowFederatedUsers","Value":"True"}]`,
		miss: []string{
			teams + `"Set-CsTenantFederationConfiguration","Parameters":[{"Name":"AllowFederatedUsers","Value":"False"}]`,
			teams + `"Set-CsTenantFederationConfiguration","Parameters":"-AllowFederatedUsers True"`,
		},
	},
	{
		link: elastic + "impact_security_compliance_potential_ransomware_activity.toml",
		query: all(former, is("event.provider", "SecurityComplianceCenter"), web,
			is("rule.name", "Ransomware activity", "Potential ransomware activity"), success),
		match: alert + `"Potential ransomware activity"`,
		miss:  []string{alert + `"Unusual volume of file deletion"`},
	},
	{
		link: elastic + "credential_access_identity_user_account_lockouts.toml",
		query: all(former, is("event.category", "authentication"), is("event.provider", "AzureActiveDirectory", "Exchange"),
			action("UserLoginFailed", "PasswordLogonInitialAuthUsingPassword"), like("o365.audit.ExtendedProperties.RequestType", "oauth|login"),
			is("o365.audit.LogonError", "IdsLocked"), not(like("o365.audit.UserId", "^not available$")), is("o365.audit.Target.Type", "0", "2", "6", "10")),
		match: signIn + `"UserLoginFailed","LogonError":"IdsLocked","ExtendedProperties":[{"Name":"RequestType","Value":"Login:login"}],"Target":[{"ID":"x","Type":0}]`,
		miss: []string{
			signIn + `"UserLoginFailed","LogonError":"InvalidUserNameOrPassword","ExtendedProperties":[{"Name":"RequestType","Value":"Login:login"}],"Target":[{"ID":"x","Type":0}]`,
			signIn + `"UserLoggedIn","LogonError":"IdsLocked","ExtendedProperties":[{"Name":"RequestType","Value":"Login:login"}],"Target":[{"ID":"x","Type":0}]`,
		},
	},
	{
		link: elastic + "collection_exchange_mailbox_access_by_unusual_client_app_id.toml",
		query: all(former, exchange, web, action("MailItemsAccessed"), success, is("o365.audit.LogonType", "0", "1", "6"),
			is("o365.audit.UserType", "0", "2", "3", "10"), is("o365.audit.OperationProperties.Value", "Bind"),
			not(is("o365.audit.ClientAppId", "00000002-0000-0ff1-ce00-000000000000"))),
		match: access + `"ClientAppId":"5f0e9a3c-2d41-4c7e-9a55-6b7c8d9e0f10","OperationProperties":[{"Name":"MailAccessType","Value":"Bind"},{"Name":"IsThrottled","Value":"False"}]`,
		miss: []string{
			access + `"ClientAppId":"5f0e9a3c-2d41-4c7e-9a55-6b7c8d9e0f10","OperationProperties":[{"Name":"MailAccessType","Value":"Sync"}]`,
			access + `"ClientAppId":"00000002-0000-0ff1-ce00-000000000000","OperationProperties":[{"Name":"MailAccessType","Value":"Bind"}]`,
		},
	},
	{
		link: elastic + "initial_access_identity_oauth_phishing_via_first_party_microsoft_application.toml",
		query: all(former, action("UserLoggedIn"), is("o365.audit.ExtendedProperties.RequestType", "OAuth2:Authorize"),
			is("o365.audit.ExtendedProperties.ResultStatusDetail", "Redirect"), is("o365.audit.UserType", "0", "2", "3", "5", "6", "10"),
			is("o365.audit.ApplicationId", "aebc6443-996d-45c2-90f0-388ff96faa56"), is("o365.audit.Target.ID", "00000003-0000-0000-c000-000000000000")),
		match: signIn + `"UserLoggedIn","ApplicationId":"aebc6443-996d-45c2-90f0-388ff96faa56","Target":[{"ID":"00000003-0000-0000-c000-000000000000","Type":0}],` +
			`"ExtendedProperties":[{"Name":"ResultStatusDetail","Value":"Redirect"},{"Name":"RequestType","Value":"OAuth2:Authorize"}]`,
		miss: []string{
			signIn + `"UserLoggedIn","ApplicationId":"aebc6443-996d-45c2-90f0-388ff96faa56","Target":[{"ID":"00000003-0000-0000-c000-000000000000","Type":0}],` +
				`"ExtendedProperties":[{"Name":"ResultStatusDetail","Value":"Success"},{"Name":"RequestType","Value":"OAuth2:Authorize"}]`,
			signIn + `"UserLoggedIn","ApplicationId":"aebc6443-996d-45c2-90f0-388ff96faa56","ExtendedProperties":"OAuth2:Authorize Redirect"`,
		},
	},
	{
		link: elastic + "initial_access_identity_oauth_device_code_grant_unusual_user_noncompliant_device.toml",
		query: all(former, is("o365.audit.ExtendedProperties.RequestType", "Cmsi:Cmsi"), is("o365.audit.Actor.Type", "0", "2", "3", "5", "10"),
			is("o365.audit.DeviceProperties.Value", "False")),
		match: signIn + `"UserLoggedIn","ExtendedProperties":[{"Name":"RequestType","Value":"Cmsi:Cmsi"}],"Actor":[{"ID":"x","Type":5}],"DeviceProperties":[{"Name":"OS","Value":"iOS"},{"Name":"IsCompliant","Value":"False"}]`,
		miss: []string{
			signIn + `"UserLoggedIn","ExtendedProperties":[{"Name":"RequestType","Value":"Cmsi:Cmsi"}],"Actor":[{"ID":"x","Type":5}],"DeviceProperties":[{"Name":"IsCompliant","Value":"True"}]`,
			signIn + `"UserLoggedIn","ExtendedProperties":[{"Name":"RequestType","Value":"Kmsi:kmsi"}],"Actor":[{"ID":"x","Type":5}],"DeviceProperties":[{"Name":"IsCompliant","Value":"False"}]`,
		},
	},
	{
		link: elastic + "defense_evasion_entra_id_susp_oauth2_authorization.toml", // the condition on one event
		query: all(former, action("UserLoggedIn"), like("source.ip", "."), like("o365.audit.UserId", "."), is("o365.audit.UserType", "0", "2", "3", "10"),
			is("o365.audit.ApplicationId", "29d9ed98-a469-4536-ade2-f981bc1d605e"), is("o365.audit.ObjectId", "00000003-0000-0000-c000-000000000000")),
		match: signIn + `"UserLoggedIn","ApplicationId":"29d9ed98-a469-4536-ade2-f981bc1d605e","ObjectId":"00000003-0000-0000-c000-000000000000"`,
		miss: []string{
			signIn + `"UserLoggedIn","ApplicationId":"29d9ed98-a469-4536-ade2-f981bc1d605e","ObjectId":"00000003-0000-0ff1-ce00-000000000000"`,
			`"RecordType":15,"Workload":"AzureActiveDirectory","ClientIP":"<null>","Operation":"UserLoggedIn","ApplicationId":"29d9ed98-a469-4536-ade2-f981bc1d605e","ObjectId":"00000003-0000-0000-c000-000000000000"`,
		},
	},
	{
		link:  sigma + "audit/microsoft365_disabling_mfa.yml",
		query: like("event.action", "disable strong authentication\\."),
		match: change + `"Disable Strong Authentication."`,
		miss:  []string{change + `"Enable Strong Authentication."`},
	},
	{
		link: sigma + "audit/microsoft365_bypass_conditional_access.yml",
		query: all(action("UserLoggedIn"), is("o365.audit.ApplicationId", "9ba1a5c7-f17a-4de9-a1f1-6178c8d51223"), is("o365.audit.ResultStatus", "Success"),
			is("o365.audit.ExtendedProperties.RequestType", "Cmsi:Cmsi"), not(is("o365.audit.ObjectId", "0000000a-0000-0000-c000-000000000000"))),
		match: signIn + `"UserLoggedIn","ApplicationId":"9ba1a5c7-f17a-4de9-a1f1-6178c8d51223","ExtendedProperties":[{"Name":"RequestType","Value":"Cmsi:Cmsi"}],"ObjectId":"x"`,
		miss: []string{
			signIn + `"UserLoggedIn","ApplicationId":"9ba1a5c7-f17a-4de9-a1f1-6178c8d51223","ExtendedProperties":[{"Name":"RequestType","Value":"Cmsi:Cmsi"}],"ObjectId":"0000000a-0000-0000-c000-000000000000"`,
		},
	},
	{
		link:  sigma + "threat_management/microsoft365_pst_export_alert.yml",
		query: all(is("event.provider", "SecurityComplianceCenter"), is("rule.name", "eDiscovery search started or exported"), success),
		match: alert + `"eDiscovery search started or exported"`,
		miss:  []string{alert + `"eDiscovery search"`},
	},
	{
		link:  sigma + "audit/microsoft365_new_federated_domain_added_audit.yml",
		query: all(like("event.action", "domain"), like("event.action", "add|new")),
		match: change + `"Add unverified domain."`,
		miss:  []string{change + `"Verify domain."`, change + `"Add user."`},
	},
}
