package daemon

import (
	"context"
	"fmt"
	"log/slog"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/auth"
	"o365-kafka-connector/internal/secret"
)

// SignIns signs people in on whose behalf tenants are read, and forgets them.
type SignIns struct {
	Documents auth.Documents
	Log       *slog.Logger // nil: discards
}

func (s SignIns) of(t config.Tenant) (*auth.Delegated, error) {
	return auth.NewDelegated(t.Auth, authOptions(t, s))
}

// Begin returns the address at which a person signs in and is then sent to redirectURI, or to auth.redirect_uri if it is
// empty. It reports whether the code that comes of it can be redeemed: only method authorization_code has a use for one.
func (s SignIns) Begin(ctx context.Context, t config.Tenant, redirectURI string) (link string, redeemable bool, err error) {
	if t.Auth.Method != auth.MethodAuthorizationCode {
		return auth.LoginURL(t.Auth, authOptions(t, s)), false, nil
	}
	d, err := s.of(t)
	if err != nil {
		return "", false, err
	}
	link, err = d.Begin(ctx, redirectURI)
	return link, true, err
}

// Redeem signs in with the code, or the whole address, that a browser came back with.
func (s SignIns) Redeem(ctx context.Context, t config.Tenant, answer secret.String) error {
	d, err := s.of(t)
	if err != nil {
		return err
	}
	return d.Redeem(ctx, answer)
}

// Forget drops the sign-in of a tenant. It is no error if there is none.
func (s SignIns) Forget(ctx context.Context, t config.Tenant) error {
	if t.Auth.Method != auth.MethodAuthorizationCode {
		return nil
	}
	d, err := s.of(t)
	if err != nil {
		return err
	}
	return d.Forget(ctx)
}

// Retire drops all that is kept of the sign-ins of a tenant, by its GUID, that may be configured no more, or, if it is
// dry, only looks. It reports whether there is anything. Nobody need be able to read it.
func (s SignIns) Retire(ctx context.Context, tenant string, dry bool) (found bool, err error) {
	for _, kind := range auth.DocumentKinds() {
		for gone := false; !gone; {
			stored, err := s.Documents.Document(ctx, tenant, kind)
			if err != nil {
				return found, fmt.Errorf("look for sign-ins of tenant %s: %w", tenant, err)
			}
			if len(stored) == 0 {
				break
			}
			if found = true; dry {
				return true, nil
			}
			if gone, err = s.Documents.SwapDocument(ctx, audit.DocumentSwap{Tenant: tenant, Kind: kind, Old: stored}); err != nil {
				return true, fmt.Errorf("forget sign-ins of tenant %s: %w", tenant, err)
			}
		}
	}
	return found, nil
}

// Tokens returns the source of a tenant's access tokens. It sends no request.
func (s SignIns) Tokens(t config.Tenant) (*auth.TokenSource, error) {
	tokens, err := auth.New(t.Auth, authOptions(t, s))
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return tokens, nil
}

// authOptions says how a tenant's login host is reached.
func authOptions(t config.Tenant, s SignIns) auth.Options {
	base, authority := t.Hosts()
	return auth.Options{
		TenantID: t.ID, Authority: authority, Resource: base, ContentTypes: t.ContentTypes,
		Timeout: t.Source.Timeout.D(), Proxy: t.Source.Proxy, Insecure: t.Source.Insecure, CAFile: t.Source.CAFile,
		Documents: s.Documents, Log: s.Log,
	}
}
