package emulator

import (
	"net/http"
	"slices"
	"strings"
)

const nobody = "00000000-0000-0000-0000-000000000000"

// admit does what comes before every operation: faults of the way in, then the checks in the service's order.
func (c *call) admit() *apiError {
	c.writeHeaders()
	if c.query("PublisherIdentifier") == "" {
		c.e.stats.missingPublisher()
	}
	if err := c.frontDoor(); err != nil {
		return err
	}
	if err := c.checkToken(); err != nil {
		return err
	}
	if err := c.checkQuota(); err != nil {
		return err
	}
	if f := c.fire(AuditOff); f != nil {
		return auditOff(c)
	}
	if f := c.fire(Error); f != nil {
		return chosenError(f)
	}
	return c.checkContentType()
}

// frontDoor fires the faults of proxies and front ends, which do not look at tokens.
func (c *call) frontDoor() *apiError {
	c.linger()
	if f := c.fire(HTML); f != nil {
		return htmlPage(f)
	}
	if f := c.fire(ServerError); f != nil {
		return internalError(f)
	}
	if f := c.fire(Unauthorized); f != nil {
		return unauthorized()
	}
	return nil
}

func (c *call) checkToken() *apiError {
	claims, ok := c.bearer()
	if !ok {
		return unauthorized()
	}
	c.appID = claims.AppID
	switch {
	case !isGUID(c.tenantID):
		return fail(http.StatusBadRequest, "AF20013", "The tenant ID passed in the URL (%s) is not a valid GUID.", c.tenantID)
	case claims.Tenant != "" && claims.Tenant != c.tenantID:
		return fail(http.StatusBadRequest, "AF20010", "The tenant ID passed in the URL (%s) does not match the tenant ID "+
			"passed in the access token (%s).", c.tenantID, claims.Tenant)
	case c.tenant == nil:
		return fail(http.StatusBadRequest, "AF20011", "Specified tenant ID (%s) does not exist in the system or has been "+
			"deleted.", c.tenantID)
	}
	return c.checkRoles(append(strings.Fields(claims.Scopes), claims.Roles...))
}

func (c *call) checkRoles(roles []string) *apiError {
	if len(roles) == 0 || c.fire(NoRole) != nil {
		return noRole()
	}
	if !slices.Contains(roles, PermissionRead) || c.contentType == DLP && !slices.Contains(roles, PermissionReadDLP) {
		return noPermission(roles)
	}
	return nil
}

func (c *call) checkQuota() *apiError {
	publisher := strings.ToLower(orDefault(c.query("PublisherIdentifier"), nobody))
	if limit := c.tenant.RequestsPerMinute; limit > 0 && !c.e.quotas.take(c.tenantID, publisher, limit, c.e.now()) {
		return throttled(&Fault{}, c.operation, publisher)
	}
	if f := c.fire(Quota); f != nil {
		if !c.e.quotas.take("fault/"+f.Tenant, publisher, orDefault(f.Count, 60), c.e.now()) {
			return throttled(f, c.operation, publisher)
		}
	}
	if f := c.fire(Throttle); f != nil {
		return throttled(f, c.operation, publisher)
	}
	return nil
}

func (c *call) checkContentType() *apiError {
	switch c.operation {
	case opBlob, opSubscriptions, opSensitive:
		return nil
	}
	if c.query("contentType") == "" {
		return missingParameter("contentType")
	}
	if c.contentType == "" {
		return fail(http.StatusBadRequest, "AF20020", "The specified content type is not valid.")
	}
	return nil
}
