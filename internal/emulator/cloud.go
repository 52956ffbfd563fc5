package emulator

import (
	"slices"
	"strings"
)

// clouds are Microsoft's separate installations: the API's address and the login host that gives out tokens for it.
// Whoever reaches the emulator by one of these names finds it as strict as they are.
var clouds = []struct{ api, login string }{
	{"https://manage.office.com", "login.microsoftonline.com"},
	{"https://manage-gcc.office.com", "login.microsoftonline.com"},
	{"https://manage.office365.us", "login.microsoftonline.us"},
	{"https://manage.protection.apps.mil", "login.microsoftonline.us"},
	{"https://manage.office365.cn", "login.partner.microsoftonline.cn"},
}

// isCloud reports whether an address is that of the API in a cloud.
func isCloud(address string) bool {
	return slices.ContainsFunc(clouds, func(c struct{ api, login string }) bool { return c.api == address })
}

// takes reports whether the API takes tokens for this audience: those for itself and, by any other name than
// Microsoft's, those for any cloud.
func (c *call) takes(audience string) bool {
	audience = strings.TrimSuffix(audience, "/")
	return audience == c.asked() || !isCloud(c.asked()) && (audience == c.base() || isCloud(audience))
}

// crossCloud reports whether a token of one cloud is asked for at the login host of another.
func (c *call) crossCloud(resource string) bool {
	known, fits := false, false
	for _, one := range clouds {
		known = known || one.login == c.r.Host
		fits = fits || one.login == c.r.Host && one.api == strings.TrimSuffix(resource, "/")
	}
	return known && !fits
}
