package auth

import (
	"os"

	"o365-kafka-connector/internal/secret"
)

// The methods. Each is chosen by name; none is guessed from what happens to be there.
const (
	// MethodClientSecret asks Entra ID for a token with the application's id and secret.
	MethodClientSecret = "client_secret"
	// MethodCertificate signs the request with a certificate's private key instead of a secret.
	MethodCertificate = "certificate"
	// MethodManagedIdentity asks the Azure host that the connector runs on.
	MethodManagedIdentity = "managed_identity"
	// MethodWorkloadIdentity exchanges a token that another issuer, such as a Kubernetes cluster, keeps in a file.
	MethodWorkloadIdentity = "workload_identity"
	// MethodAuthorizationCode acts for a person who has signed in.
	MethodAuthorizationCode = "authorization_code"
	// MethodStatic sends a token that somebody else obtained. It cannot be renewed: for tests.
	MethodStatic = "static"
)

// Config says how a tenant's access token is obtained. A secret may be in a file instead, which is read again for each
// token.
type Config struct {
	Method                  string        `yaml:"method"`
	ClientID                string        `yaml:"client_id"`
	ClientSecret            secret.String `yaml:"client_secret"`
	ClientSecretFile        string        `yaml:"client_secret_file"`
	ClientSecretExpires     string        `yaml:"client_secret_expires"` // YYYY-MM-DD, or with a time as in RFC 3339; Entra ID does not tell
	CertificateFile         string        `yaml:"certificate_file"`      // PEM or PKCS#12
	CertificatePassword     secret.String `yaml:"certificate_password"`
	CertificatePasswordFile string        `yaml:"certificate_password_file"`
	CertificateThumbprint   string        `yaml:"certificate_thumbprint"` // SHA-1 or SHA-256 in hex, where there is no certificate
	PrivateKey              secret.String `yaml:"private_key"`            // PEM
	PrivateKeyFile          string        `yaml:"private_key_file"`
	FederatedTokenFile      string        `yaml:"federated_token_file"`

	ManagedIdentityClientID   string `yaml:"managed_identity_client_id"`
	ManagedIdentityObjectID   string `yaml:"managed_identity_object_id"`
	ManagedIdentityResourceID string `yaml:"managed_identity_resource_id"`

	RedirectURI           string        `yaml:"redirect_uri"`
	AuthorizationCode     secret.String `yaml:"authorization_code"`
	AuthorizationCodeFile string        `yaml:"authorization_code_file"`
	TokenStore            TokenStore    `yaml:"token_store"`

	Token     secret.String `yaml:"token"`
	TokenFile string        `yaml:"token_file"`
}

// TokenStore says how the refresh tokens of method authorization_code are kept.
type TokenStore struct {
	Key     secret.String `yaml:"key"` // encrypts them
	KeyFile string        `yaml:"key_file"`
}

// SetDefaults fills in what a configuration may leave out.
func (c *Config) SetDefaults() { c.Method = MethodClientSecret }

// fromEnvironment fills in what the webhook of Azure's workload identity tells a pod.
//
// https://azure.github.io/azure-workload-identity/docs/quick-start.html
func (c Config) fromEnvironment() Config {
	if c.Method != MethodWorkloadIdentity {
		return c
	}
	if c.ClientID == "" {
		c.ClientID = os.Getenv("AZURE_CLIENT_ID")
	}
	if c.FederatedTokenFile == "" {
		c.FederatedTokenFile = os.Getenv("AZURE_FEDERATED_TOKEN_FILE")
	}
	return c
}

type field struct{ key, value string }

func (c Config) fields() []field {
	return []field{
		{"client_id", c.ClientID},
		{"client_secret", c.ClientSecret.Reveal()},
		{"client_secret_file", c.ClientSecretFile},
		{"client_secret_expires", c.ClientSecretExpires},
		{"certificate_file", c.CertificateFile},
		{"certificate_password", c.CertificatePassword.Reveal()},
		{"certificate_password_file", c.CertificatePasswordFile},
		{"certificate_thumbprint", c.CertificateThumbprint},
		{"private_key", c.PrivateKey.Reveal()},
		{"private_key_file", c.PrivateKeyFile},
		{"federated_token_file", c.FederatedTokenFile},
		{"managed_identity_client_id", c.ManagedIdentityClientID},
		{"managed_identity_object_id", c.ManagedIdentityObjectID},
		{"managed_identity_resource_id", c.ManagedIdentityResourceID},
		{"redirect_uri", c.RedirectURI},
		{"authorization_code", c.AuthorizationCode.Reveal()},
		{"authorization_code_file", c.AuthorizationCodeFile},
		{"token_store.key", c.TokenStore.Key.Reveal()},
		{"token_store.key_file", c.TokenStore.KeyFile},
		{"token", c.Token.Reveal()},
		{"token_file", c.TokenFile},
	}
}
