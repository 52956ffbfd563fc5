package emulator

import (
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // names a certificate
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"strings"
	"time"
)

// federatedAudience is what tokens of other issuers have to be for.
const federatedAudience = "api://AzureADTokenExchange"

// checkAssertion looks at everything in a client assertion that Entra ID does.
//
// https://learn.microsoft.com/entra/identity-platform/certificate-credentials
func (c *call) checkAssertion(text string, of Credentials) *loginError {
	j, err := parseJWS(text)
	if err != nil {
		return invalidClient(50027, "JWT token is invalid or malformed.")
	}
	if j.claims.Issuer != j.claims.Subject {
		return c.checkFederated(j, of.Federated)
	}
	certificate := findCertificate(j, of.Certificates)
	switch {
	case certificate == nil:
		return invalidClient(700027, "The certificate with identifier used to sign the client assertion is not registered on application.")
	case !j.signedBy(certificate.PublicKey.(*rsa.PublicKey)):
		return invalidClient(700027, "Client assertion failed signature validation.")
	case c.e.now().After(certificate.NotAfter):
		return invalidClient(700027, "Client assertion failed: the certificate is expired.")
	case !strings.EqualFold(j.claims.Subject, c.tenant.ClientID):
		return invalidClient(700021, "Client assertion application identifier doesn't match 'client_id' parameter.")
	case !c.meansUs(j.claims.Audience):
		return invalidClient(700023, "Client assertion audience claim does not match Realm issuer.")
	case j.claims.ID == "":
		return invalidClient(50027, "JWT token is invalid or malformed: it has no identifier.")
	}
	return c.checkTimes(j)
}

func (c *call) checkTimes(j *jws) *loginError {
	if j.current(c.e.now()) && j.claims.Expires-j.claims.NotBefore <= int64(24*time.Hour/time.Second) {
		return nil
	}
	return invalidClient(700024, "Client assertion is not within its valid time range.")
}

// findCertificate looks for the certificate that the header names. A PSS signature has to name it by SHA-256.
func findCertificate(j *jws, registered []*x509.Certificate) *x509.Certificate {
	for _, c := range registered {
		short, long := sha1.Sum(c.Raw), sha256.Sum256(c.Raw) //nolint:gosec // names a certificate
		if j.header.SHA256 != "" && j.header.SHA256 == base64.RawURLEncoding.EncodeToString(long[:]) ||
			j.header.Algorithm == "RS256" && j.header.SHA1 == base64.RawURLEncoding.EncodeToString(short[:]) {
			return c
		}
	}
	return nil
}

// meansUs reports whether an audience is this tenant's token endpoint, or its issuer.
func (c *call) meansUs(audience string) bool {
	for _, base := range []string{c.base(), c.asked()} {
		for _, path := range []string{"/oauth2/v2.0/token", "/oauth2/token", "/v2.0", "/"} {
			if audience == base+"/"+c.tenantID+path {
				return true
			}
		}
	}
	return false
}

// checkFederated looks at a token of another issuer.
//
// https://learn.microsoft.com/entra/workload-id/workload-identity-federation
func (c *call) checkFederated(j *jws, trusted []FederatedCredential) *loginError {
	known := false
	for _, f := range trusted {
		if f.Issuer.URL != j.claims.Issuer {
			continue
		}
		known = true
		if f.Subject == j.claims.Subject {
			return c.checkFederatedToken(j, f.Issuer)
		}
	}
	if !known {
		return invalidClient(700211, "No matching federated identity record found for presented assertion issuer '"+j.claims.Issuer+"'.")
	}
	return invalidClient(700213, "No matching federated identity record found for presented assertion subject '"+j.claims.Subject+"'.")
}

func (c *call) checkFederatedToken(j *jws, from *Issuer) *loginError {
	switch {
	case j.claims.Audience != federatedAudience:
		return invalidClient(700212, "No matching federated identity record found for presented assertion audience '"+j.claims.Audience+"'.")
	case j.header.KeyID != from.keyID || !j.signedBy(&from.key.PublicKey):
		return invalidClient(700027, "Client assertion failed signature validation.")
	}
	return c.checkTimes(j)
}

func invalidClient(number int, text string) *loginError {
	return &loginError{http.StatusUnauthorized, "invalid_client", number, text}
}
