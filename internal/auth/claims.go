package auth

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"

	"o365-kafka-connector/internal/audit"
)

// The permissions of the Office 365 Management APIs that the feed asks for.
//
// https://learn.microsoft.com/office/office-365-management-api/get-started-with-office-365-management-apis
const (
	permissionRead    = "ActivityFeed.Read"
	permissionReadDLP = "ActivityFeed.ReadDlp" // for DLP.All, besides
	// managementAPIs is the application id of the Office 365 Management APIs, which tokens may be for instead of the URL.
	managementAPIs = "c5393580-f805-4401-95e8-94b7a6ef2fc2"
)

// Advice on tokens.
const (
	hintGrant = "add the application permission %s of the Office 365 Management APIs to the app registration and grant admin " +
		"consent; a managed identity is given it by an app role assignment"
	hintGrantDelegated = "add the delegated permission %s of the Office 365 Management APIs to the app registration and grant admin " +
		"consent; the next token has it"
	hintOtherTenant = "the application signed in to another tenant: check the tenant id and the authority; a managed identity belongs to one tenant"
	hintSame        = "the token is refused and no other is given out: check cloud, base_url and that the application belongs to this " +
		"tenant; a host gives out new tokens of a managed identity only when the old ones expire"
	hintSameStatic = "the static token was refused or has expired: put a new one into auth.token or the file of auth.token_file, or use another method"
	hintAudience   = "check cloud and base_url; a static token has to be made for this resource"
)

// demands are what an access token has to say of itself. Whoever reads it decides alone; a token that cannot work is
// told here, in words that say what to change, before the API answers with a bare 401.
type demands struct {
	tenant, resource string
	contentTypes     []string
	foreign          bool   // nothing is demanded
	hintGrant        string // if a permission, which it names by %s, is lacking
	hintSame         string // if a renewed token is the one before
	log              *slog.Logger

	lacking atomic.Bool // the last token has no permission for DLP.All, which is to be read
}

// words are what a token says.
type words struct {
	Audience audience `json:"aud"`
	Tenant   string   `json:"tid"`
	Roles    []string `json:"roles"`
	Scopes   string   `json:"scp"` // of a token that acts for a person
	Expires  float64  `json:"exp"` // seconds since 1970
}

// audience is a text, or a list of them.
type audience []string

// UnmarshalJSON reads both forms.
func (a *audience) UnmarshalJSON(data []byte) error {
	var single string
	if json.Unmarshal(data, &single) == nil {
		*a = audience{single}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(a))
}

// read returns what a token says; false if it cannot be read, which is nobody's fault: tokens are not for clients.
func read(value string) (words, bool) {
	parts := strings.Split(value, ".")
	if len(parts) != 3 {
		return words{}, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return words{}, false
	}
	var w words
	return w, json.Unmarshal(payload, &w) == nil
}

// check returns the fault of a token that the API will refuse.
func (d *demands) check(value string) error {
	w, ok := read(value)
	if !ok || d.foreign {
		return nil
	}
	switch {
	case w.Tenant != "" && isGUID(d.tenant) && !strings.EqualFold(w.Tenant, d.tenant):
		return misfit(audit.CauseTenant, hintOtherTenant, "the token is for tenant %s, not for %s", w.Tenant, d.tenant)
	case len(w.Audience) > 0 && !slices.ContainsFunc(w.Audience, d.accepts):
		return misfit(audit.CauseCredentials, hintAudience, "the token is for %s, not for %s", strings.Join(w.Audience, ", "), d.resource)
	}
	return d.checkPermissions(append(strings.Fields(w.Scopes), w.Roles...))
}

func (d *demands) checkPermissions(granted []string) error {
	onlyDLP := len(d.contentTypes) == 1 && d.contentTypes[0] == string(audit.DLP)
	if !slices.Contains(granted, permissionRead) && (!onlyDLP || !slices.Contains(granted, permissionReadDLP)) {
		has := "no permission at all"
		if len(granted) > 0 {
			has = "only " + strings.Join(granted, ", ")
		}
		return misfit(audit.CauseNoPermission, fmt.Sprintf(d.hintGrant, permissionRead), "the app lacks %s: its token has %s", permissionRead, has)
	}
	lacking := slices.Contains(d.contentTypes, string(audit.DLP)) && !slices.Contains(granted, permissionReadDLP)
	if lacking && !d.lacking.Load() {
		d.log.Warn("token lacks a permission: DLP.All cannot be read, the rest can", "permission", permissionReadDLP,
			"hint", fmt.Sprintf(d.hintGrant, permissionReadDLP))
	}
	d.lacking.Store(lacking)
	return nil
}

// accepts reports whether a token for this audience fits. A host that is none of Microsoft's stands for any of theirs.
func (d *demands) accepts(aud string) bool {
	aud = strings.TrimRight(aud, "/")
	if strings.EqualFold(aud, strings.TrimRight(d.resource, "/")) || strings.EqualFold(aud, managementAPIs) {
		return true
	}
	return !isBase(d.resource) && isBase(aud)
}

func isBase(host string) bool {
	return slices.ContainsFunc(clouds, func(c cloud) bool { return strings.EqualFold(c.base, strings.TrimRight(host, "/")) })
}

// isGUID tells the id of a tenant from one of its domains.
func isGUID(text string) bool { return len(text) == 36 && strings.Count(text, "-") == 4 }

func misfit(cause audit.Cause, hint, format string, args ...any) error {
	return &audit.Fault{Cause: cause, Scope: audit.OfTenant, Hint: hint, Err: fmt.Errorf("look at token: "+format, args...)}
}
