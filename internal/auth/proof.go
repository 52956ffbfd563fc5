package auth

import (
	"log/slog"
	"net/url"
	"time"

	"o365-kafka-connector/internal/secret"
)

// assertionType is that of RFC 7523.
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// proof is how an application shows the login host that it is the one: by a secret, by a certificate, or, as a public
// client, not at all.
type proof struct {
	secret      secret.Source
	certificate *certificate // nil: none
}

func newProof(c Config, log *slog.Logger) (proof, error) {
	p := proof{secret: secret.NewSource("auth.client_secret", c.ClientSecret, c.ClientSecretFile)}
	if c.CertificateFile == "" && c.CertificateThumbprint == "" {
		return p, nil
	}
	var err error
	p.certificate, err = newCertificate(c, log)
	return p, err
}

// add puts the proof into a request's form; now is the time on the authority's clock.
func (p proof) add(form url.Values, endpoint string, now time.Time) error {
	value, err := p.secret.Reveal()
	if err != nil {
		return unreadable(err)
	}
	if value != "" {
		form.Set("client_secret", value)
	}
	if p.certificate == nil {
		return nil
	}
	id, err := p.certificate.identity()
	if err != nil {
		return unreadable(err)
	}
	assertion, err := id.sign(form.Get("client_id"), endpoint, now)
	if err != nil {
		return unreadable(err)
	}
	form.Set("client_assertion_type", assertionType)
	form.Set("client_assertion", assertion)
	return nil
}
