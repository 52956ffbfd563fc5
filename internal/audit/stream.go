// Package audit holds the nouns of the connector: tenants, streams, blobs, records, events, batches and what is
// remembered about them. It imports only the standard library and is imported by every other package.
package audit

import (
	"fmt"
	"strings"
)

// ContentType is one of the five kinds of content that the Management Activity API delivers, in Microsoft's spelling.
// https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-reference
type ContentType string

// The content types; there are no others.
const (
	AzureActiveDirectory ContentType = "Audit.AzureActiveDirectory"
	Exchange             ContentType = "Audit.Exchange"
	SharePoint           ContentType = "Audit.SharePoint"
	General              ContentType = "Audit.General"
	DLP                  ContentType = "DLP.All"
)

// ContentTypes lists every content type, in the order of Microsoft's reference page.
func ContentTypes() []ContentType {
	return []ContentType{AzureActiveDirectory, Exchange, SharePoint, General, DLP}
}

// ParseContentType accepts a content type in any letter case.
func ParseContentType(s string) (ContentType, error) {
	for _, ct := range ContentTypes() {
		if strings.EqualFold(strings.TrimSpace(s), string(ct)) {
			return ct, nil
		}
	}
	return "", fmt.Errorf("content type %q is unknown: use one of %s", s, strings.Join(names(), ", "))
}

func names() []string {
	var out []string
	for _, ct := range ContentTypes() {
		out = append(out, string(ct))
	}
	return out
}

// Tenant names one Microsoft 365 organization.
type Tenant struct {
	ID   string // GUID, lower case
	Name string // the operator's name for it, used in metrics and logs
}

// Stream is one content type of one tenant: the unit of ownership, checkpointing and commands.
type Stream struct {
	Tenant      Tenant
	ContentType ContentType
}

// Key identifies the stream outside of the process: "<tenant GUID>/<content type>".
func (s Stream) Key() string { return s.Tenant.ID + "/" + string(s.ContentType) }

// String names the stream for people: "<tenant name>/<content type>".
func (s Stream) String() string { return s.Tenant.Name + "/" + string(s.ContentType) }
