package emulator

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// hostPaths are where an Azure host gives out tokens of its managed identities.
var hostPaths = map[string]func(*call){
	"/metadata/identity/oauth2/token": (*call).serveMetadata,
	"/msi/token":                      (*call).serveAppService,
}

// serveMetadata answers like the metadata service of a virtual machine.
//
// https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
func (c *call) serveMetadata() {
	c.hostToken(func() (string, string) {
		switch {
		case !strings.EqualFold(c.r.Header.Get("Metadata"), "true"):
			return "invalid_request", "Required metadata header not specified"
		case c.r.Header.Get("X-Forwarded-For") != "":
			return "invalid_request", "A proxy is not allowed"
		case c.query("api-version") != "2018-02-01":
			return "invalid_request", "The api-version is not supported"
		}
		return "", ""
	})
}

// serveAppService answers like App Service.
//
// https://learn.microsoft.com/azure/app-service/overview-managed-identity
func (c *call) serveAppService() {
	c.hostToken(func() (string, string) {
		switch {
		case c.e.config.IdentityHeader == "" || c.r.Header.Get("X-Identity-Header") != c.e.config.IdentityHeader:
			return "unauthorized", "The identity header is wrong"
		case c.query("api-version") != "2019-08-01":
			return "invalid_request", "The api-version is not supported"
		}
		return "", ""
	})
}

// hostToken gives out a token of the identity that is asked for, unless the request is refused.
func (c *call) hostToken(refused func() (code, text string)) {
	c.operation = opToken
	defer c.record()
	asked := ManagedIdentity{c.query("client_id"), orDefault(c.query("object_id"), c.query("principal_id")), orDefault(c.query("msi_res_id"), c.query("mi_res_id"))}
	c.tenantID = c.identityOwner(asked)
	c.tenant = c.e.tenants[c.tenantID]
	if c.tokenFaults() {
		return
	}
	if code, text := refused(); code != "" {
		c.hostRefusal(code, text)
		return
	}
	resource := c.query("resource")
	switch {
	case c.r.Method != http.MethodGet:
		c.hostRefusal("invalid_request", "The method is not allowed")
	case c.tenant == nil:
		c.hostRefusal("invalid_request", "Identity not found")
	case !c.knowsResource(resource):
		c.hostRefusal("invalid_resource", "AADSTS500011: The resource principal named "+resource+" was not found in the tenant.")
	default:
		c.hostAnswer(asked, resource)
	}
}

// identityOwner returns the tenant that the identity is of; "" if the host has no such identity.
func (c *call) identityOwner(asked ManagedIdentity) string {
	for tenant, credentials := range c.e.vault.all() {
		if slices.ContainsFunc(credentials.Identities, asked.chooses) {
			return tenant
		}
	}
	return ""
}

// chooses reports whether a request that names so much of an identity means this one.
func (m ManagedIdentity) chooses(other ManagedIdentity) bool {
	if m == (ManagedIdentity{}) {
		return other == m
	}
	return (m.ClientID == "" || strings.EqualFold(m.ClientID, other.ClientID)) &&
		(m.ObjectID == "" || strings.EqualFold(m.ObjectID, other.ObjectID)) &&
		(m.ResourceID == "" || strings.EqualFold(m.ResourceID, other.ResourceID))
}

// hostRefusal has the shape of both, which differ in it.
func (c *call) hostRefusal(code, text string) {
	c.loginReply(http.StatusBadRequest, map[string]any{"error": code, "error_description": text})
}

// hostAnswer has all its numbers as text.
func (c *call) hostAnswer(asked ManagedIdentity, resource string) {
	lifetime := c.tokenLifetime()
	now := c.e.now()
	until := strconv.FormatInt(now.Add(lifetime).Unix(), 10)
	client := orDefault(asked.ClientID, c.tenant.ClientID)
	reply := map[string]any{
		"access_token": c.accessToken(resource, client, lifetime), "token_type": "Bearer", "resource": resource,
		"client_id": client, "expires_on": until, "not_before": strconv.FormatInt(now.Unix(), 10),
	}
	if c.r.URL.Path != "/msi/token" {
		reply["expires_in"] = strconv.Itoa(int(lifetime.Seconds()))
	}
	c.e.stats.issued(c.tenantID)
	c.loginReply(http.StatusOK, reply)
}
