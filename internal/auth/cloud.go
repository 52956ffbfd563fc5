package auth

import (
	"fmt"
	"strings"
)

// cloud is one of Microsoft's separate installations. A token of one is worth nothing in another, and none of them
// ever falls back to the commercial hosts.
type cloud struct {
	name, base, authority string
}

// clouds has the hosts of the "Plan" table of
// https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-reference; the login
// hosts of the sovereign clouds are those of Entra ID's national-cloud page.
var clouds = []cloud{
	{"enterprise", "https://manage.office.com", "https://login.microsoftonline.com"},
	{"gcc", "https://manage-gcc.office.com", "https://login.microsoftonline.com"},
	{"gcc-high", "https://manage.office365.us", "https://login.microsoftonline.us"},
	{"dod", "https://manage.protection.apps.mil", "https://login.microsoftonline.us"},
	{"china", "https://manage.office365.cn", "https://login.partner.microsoftonline.cn"},
}

// Cloud returns the base URL of the Management Activity API in a cloud, which is also the resource that tokens are
// for, and its login host.
func Cloud(name string) (base, authority string, err error) {
	var names []string
	for _, c := range clouds {
		if c.name == name {
			return c.base, c.authority, nil
		}
		names = append(names, c.name)
	}
	return "", "", fmt.Errorf("cloud %q is unknown: use one of %s", name, strings.Join(names, ", "))
}
