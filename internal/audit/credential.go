package audit

import "time"

// CredentialWarning is how long before its end a credential is reported.
const CredentialWarning = 30 * 24 * time.Hour

// Credential is something that a tenant's sign-in needs and that ends some day: a certificate, a client secret, a
// person's sign-in.
type Credential struct {
	Tenant  Tenant
	Kind    string // a constant for metrics: certificate, client_secret, sign_in
	Expires time.Time
	Hint    string // how it is replaced
}

// Due reports whether the credential ends soon enough to tell somebody.
func (c Credential) Due(now time.Time) bool { return c.Expires.Sub(now) <= CredentialWarning }
