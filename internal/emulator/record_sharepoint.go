package emulator

import "fmt"

var sharePointRecords = []weighted{{60, (*maker).fileOperation}, {15, (*maker).sharing}, {10, (*maker).listOperation}, {15, (*maker).siteOperation}}

var fileNames = []string{"Budget 2026.xlsx", "Präsentation (final) v2.pptx", "契約書.docx", "notes.txt", "archive.tar.gz", "Q3 – figures & plans.pdf", "no-extension"}

// site is what all SharePoint records have in common; OneDrive records are SharePoint's with another workload.
func (m *maker) site(h head) (o object, url string) {
	u := m.user()
	h.workload, h.ip = "SharePoint", m.address()
	if url = "https://contoso.sharepoint.com/sites/" + pick(m, "Marketing", "Finance", "Entwicklung"); m.chance(0.4) {
		h.workload, url = "OneDrive", "https://contoso-my.sharepoint.com/personal/"+u.key
	}
	h.object = url + h.object
	o = m.common(h)
	return append(o, object{
		{"CorrelationId", markGUID},
		{"EventSource", "SharePoint"},
		{"ItemType", pick(m, "File", "Folder", "Page", "Web")},
		{"ListId", m.guid()},
		{"ListItemUniqueId", m.guid()},
		{"Site", m.guid()},
		{"UserAgent", pick(m, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/131.0.0.0", "Microsoft SkyDriveSync 24.201.1006.0005 ship; Windows NT 10.0 (22631)", "OneDriveMpc-Transform_Thumbnail/1.0")},
		{"WebId", m.guid()},
		{"AppAccessContext", object{{"AADSessionId", m.guid()}, {"ClientAppId", m.guid()}, {"ClientAppName", "Microsoft Office"}, {"CorrelationId", m.guid()}, {"UniqueTokenId", "8J3kT2vXkE-" + m.guid()[:8]}}},
	}...), url
}

func (m *maker) fileOperation() object {
	name := pick(m, fileNames...)
	operation := pick(m, "FileAccessed", "FileAccessed", "FileModified", "FileDownloaded", "FileUploaded", "FileDeleted", "FileRenamed", "FileMoved", "FileSyncDownloadedFull", "FilePreviewed", "FileCheckedOut", "FileRecycled")
	o, url := m.site(head{kind: 6, operation: operation, object: "/Shared Documents/General/" + name})
	o = append(o, object{
		{"SiteUrl", url + "/"},
		{"SourceFileExtension", "docx"},
		{"SourceFileName", name},
		{"SourceRelativeUrl", "Shared Documents/General"},
		{"HighPriorityMediaProcessing", false},
		{"FileSizeBytes", m.big()},
		{"itemCreationTime", "2026-01-05T08:00:00"},
		{"LastModifiedTime", "2026-01-05T08:00:00Z"},
	}...)
	if operation == "FileMoved" {
		o = append(o, field{"DestinationRelativeUrl", "Shared Documents/Archiv"}, field{"DestinationFileName", name}, field{"DestinationFileExtension", "docx"})
	}
	return o
}

func (m *maker) sharing() object {
	o, url := m.site(head{kind: 14, operation: pick(m, "SharingSet", "AnonymousLinkCreated", "SharingInvitationCreated", "AddedToSecureLink", "CompanyLinkCreated", "SharingRevoked"), object: "/Shared Documents/" + pick(m, fileNames...)})
	return append(o, object{
		{"EventData", fmt.Sprintf("<Permissions granted>%s</Permissions granted><MembersCanShareApplied>False</MembersCanShareApplied>", pick(m, "Read", "Contribute"))},
		{"SiteUrl", url},
		{"TargetUserOrGroupName", pick(m, m.user().upn, "guest_outlook.com#ext#@"+m.domain, "Everyone except external users")},
		{"TargetUserOrGroupType", pick(m, "Member", "Guest", "SecurityGroup", "Partner")},
		{"UniqueSharingId", m.guid()},
	}...)
}

func (m *maker) listOperation() object {
	o, url := m.site(head{kind: 36, operation: pick(m, "ListViewed", "ListCreated", "ListItemUpdated", "ListColumnCreated")})
	return append(o, object{
		{"IsDocLib", m.chance(0.5)},
		{"IsHiddenList", false},
		{"ListBaseTemplateType", "100"},
		{"ListBaseType", "GenericList"},
		{"ListName", m.guid()},
		{"ListTitle", "Aufgaben <intern>"},
		{"ListUrl", url + "/Lists/Aufgaben"},
	}...)
}

func (m *maker) siteOperation() object {
	o, _ := m.site(head{kind: pick(m, 4, 56, 54), operation: pick(m, "PageViewed", "PagePrefetched", "SiteCollectionAdminAdded", "SearchQueryPerformed", "SignInEvent")})
	return append(o, object{
		{"ModifiedProperties", list{change("SiteAdmin", "", m.user().upn)}},
		{"CustomUniqueId", true},
		{"IsManagedDevice", false},
		{"Platform", pick(m, "WinDesktop", "Mac", "")},
		{"BrowserName", "Edge"},
	}...)
}
