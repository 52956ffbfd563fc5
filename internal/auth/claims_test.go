package auth_test

import (
	"encoding/base64"
	"log/slog"
	"strings"
	"testing"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/auth"
	"o365-kafka-connector/internal/emulator"
	"o365-kafka-connector/internal/secret"
)

// unsigned is a token that says this. Nobody but the API would notice that nobody signed it.
func unsigned(payload string) string {
	return "eyJhbGciOiJub25lIn0." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".x"
}

func TestTokenThatCannotWorkIsToldBeforeItIsUsed(t *testing.T) {
	const rest = `"tid":"` + tenantID + `","aud":"https://manage.office.com"`
	const base = "https://manage.office.com"
	for name, test := range map[string]struct {
		token, resource string
		types           []string
		cause           audit.Cause // "": it passes
		want            string
	}{
		"good":                     {unsigned(`{` + rest + `,"roles":["ActivityFeed.Read"]}`), base, nil, "", ""},
		"acts for a person":        {unsigned(`{` + rest + `,"scp":"User.Read ActivityFeed.Read"}`), base, nil, "", ""},
		"opaque":                   {"abc", base, nil, "", ""},
		"opaque with dots":         {"a.b.c", base, nil, "", ""},
		"no JSON":                  {unsigned("hello"), base, nil, "", ""},
		"with a slash":             {unsigned(`{"aud":"https://manage.office.com/","roles":["ActivityFeed.Read"]}`), base, nil, "", ""},
		"for the application":      {unsigned(`{"aud":["c5393580-f805-4401-95e8-94b7a6ef2fc2"],"roles":["ActivityFeed.Read"]}`), base, nil, "", ""},
		"for Microsoft, elsewhere": {unsigned(`{` + rest + `,"roles":["ActivityFeed.Read"]}`), "http://localhost:1", nil, "", ""},
		"another tenant": {
			unsigned(`{"tid":"99999999-9999-9999-9999-999999999999","aud":"https://manage.office.com","roles":["ActivityFeed.Read"]}`), base, nil,
			audit.CauseTenant, "for tenant 99999999-9999-9999-9999-999999999999, not for " + tenantID,
		},
		"another resource": {
			unsigned(`{"aud":"https://graph.microsoft.com","roles":["ActivityFeed.Read"]}`), base, nil,
			audit.CauseCredentials, "the token is for https://graph.microsoft.com, not for " + base,
		},
		"another cloud":   {unsigned(`{"aud":"https://manage.office365.us","roles":["ActivityFeed.Read"]}`), base, nil, audit.CauseCredentials, "check cloud"},
		"no permission":   {unsigned(`{` + rest + `}`), base, nil, audit.CauseNoPermission, "the app lacks ActivityFeed.Read: its token has no permission at all"},
		"another one":     {unsigned(`{` + rest + `,"roles":["ServiceHealth.Read"]}`), base, nil, audit.CauseNoPermission, "has only ServiceHealth.Read"},
		"only DLP":        {unsigned(`{` + rest + `,"roles":["ActivityFeed.ReadDlp"]}`), base, []string{"DLP.All", "Audit.General"}, audit.CauseNoPermission, "grant admin"},
		"DLP is enough":   {unsigned(`{` + rest + `,"roles":["ActivityFeed.ReadDlp"]}`), base, []string{"DLP.All"}, "", ""},
		"DLP is lacking":  {unsigned(`{` + rest + `,"roles":["ActivityFeed.Read"]}`), base, []string{"DLP.All", "Audit.General"}, "", ""},
		"absurd contents": {unsigned(`{"aud":7,"tid":[],"roles":"x"}`), base, nil, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			s, err := auth.New(auth.Config{Method: auth.MethodStatic, Token: secret.String(test.token)}, auth.Options{
				TenantID: tenantID, Resource: test.resource, ContentTypes: test.types, Log: slog.New(slog.NewTextHandler(&log, nil)),
			})
			if err != nil {
				t.Fatal(err)
			}
			if test.cause != "" {
				refused(t, s, test.cause, test.want)
				return
			}
			if got := opens(t, s); got != test.token {
				t.Errorf("token %q", got)
			}
			lacks, hint := s.Lacks()
			if told := strings.Contains(log.String(), "ActivityFeed.ReadDlp"); told != (name == "DLP is lacking") || (lacks != "") != told || told && hint == "" {
				t.Errorf("lacks %q (%s), log %s", lacks, hint, log.String())
			}
		})
	}
}

// A permission that was granted meanwhile is in the next token.
func TestMissingPermissionIsAskedForAgain(t *testing.T) {
	e := newEntra(t, emulator.Config{Tenants: []emulator.Tenant{{ID: tenantID, Permissions: []string{}}}})
	c := clientSecret()
	c.ClientID, c.ClientSecret = emulator.DefaultClientID, emulator.DefaultClientSecret
	s := e.source(t, c)
	refused(t, s, audit.CauseNoPermission, "add the application permission ActivityFeed.Read")
	refused(t, s, audit.CauseNoPermission)
	if n := e.Stats().TokensIssued[tenantID]; n != 1 {
		t.Errorf("%d tokens, want 1: the next one comes after a pause", n)
	}
}

func FuzzTokenClaims(f *testing.F) {
	f.Add(`{"aud":"https://manage.office.com","roles":["ActivityFeed.Read"]}`)
	f.Add(`{"aud":["a"],"scp":"x","tid":null}`)
	f.Fuzz(func(t *testing.T, payload string) {
		s, err := auth.New(auth.Config{Method: auth.MethodStatic, Token: secret.String(unsigned(payload))},
			auth.Options{TenantID: tenantID, Resource: "https://manage.office.com"})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = s.Token(t.Context())
	})
}
