package emulator

import (
	"crypto/x509"
	"maps"
	"strings"
	"sync"
)

// Credentials are by what a tenant's application can prove itself.
type Credentials struct {
	ClientSecret string // empty: it has none
	Certificates []*x509.Certificate
	Federated    []FederatedCredential
	Identities   []ManagedIdentity
}

// FederatedCredential is trust in the tokens that another issuer makes for a subject.
type FederatedCredential struct {
	Issuer  *Issuer
	Subject string // as system:serviceaccount:NAMESPACE:NAME
}

// ManagedIdentity is an identity that the host gives out tokens for. The zero value is the host's own.
type ManagedIdentity struct {
	ClientID, ObjectID, ResourceID string
}

// vault holds the credentials of all tenants, which may change while clients sign in.
type vault struct {
	mu      sync.Mutex // guards the following
	tenants map[string]Credentials
}

func newVault(tenants []Tenant) *vault {
	v := &vault{tenants: map[string]Credentials{}}
	for _, t := range tenants {
		v.tenants[strings.ToLower(t.ID)] = Credentials{
			ClientSecret: t.ClientSecret, Certificates: t.Certificates, Federated: t.Federated, Identities: t.Identities,
		}
	}
	return v
}

func (v *vault) of(tenant string) Credentials {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.tenants[tenant]
}

// all returns a copy.
func (v *vault) all() map[string]Credentials {
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(v.tenants)
}

// SetCredentials replaces what a tenant's application can prove itself by. Tokens that were given out stay valid.
func (e *Emulator) SetCredentials(tenantID string, c Credentials) {
	e.vault.mu.Lock()
	defer e.vault.mu.Unlock()
	e.vault.tenants[strings.ToLower(tenantID)] = c
}
