package main

import (
	"context"
	"fmt"
	"time"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/auth"
	"o365-kafka-connector/internal/daemon"
)

// asksAuthority reports whether the method asks the login host for its tokens.
func asksAuthority(method string) bool {
	return method != auth.MethodStatic && method != auth.MethodManagedIdentity
}

// token signs in and looks at what came of it.
func (d *diagnosis) token(ctx context.Context, t config.Tenant) (*auth.TokenSource, bool) {
	f := finding{Check: "token", Tenant: t.Name, Hint: "check the tenant's auth"}
	tokens, err := daemon.SignIns{Documents: d.documents}.Tokens(t)
	if err != nil {
		f.Status, f.Message = failed, err.Error()
		d.add(f)
		return nil, false
	}
	deadline := 2*t.Source.Timeout.D() + 5*time.Second // after its own
	ok := d.try(ctx, f, deadline, func(ctx context.Context) (string, error) {
		_, err := tokens.Token(ctx)
		return obtained(t.Auth), err
	})
	if ok {
		d.credentials(t, tokens)
	}
	return tokens, ok
}

func obtained(c auth.Config) string {
	switch {
	case c.Method == auth.MethodStatic:
		return "as configured, not tried yet"
	case c.ClientID != "":
		return "obtained for client " + c.ClientID + " by method " + c.Method
	}
	return "obtained by method " + c.Method
}

// credentials tells what works now and will not for ever, or not for all.
func (d *diagnosis) credentials(t config.Tenant, tokens *auth.TokenSource) {
	if permission, hint := tokens.Lacks(); permission != "" {
		d.add(finding{Check: "permissions", Tenant: t.Name, Status: doubtful, Message: "the app lacks " + permission, Hint: hint})
	}
	for _, c := range tokens.Credentials() {
		f := finding{
			Check: "credentials", Tenant: t.Name, Status: fine, Hint: c.Hint,
			Message: fmt.Sprintf("%s ends on %s", c.Kind, c.Expires.Format(time.DateOnly)),
		}
		if c.Due(time.Now()) {
			f.Status = doubtful
		}
		d.add(f)
	}
}
