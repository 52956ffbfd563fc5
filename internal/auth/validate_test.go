package auth_test

import (
	"strings"
	"testing"

	"o365-kafka-connector/internal/auth"
)

func TestValidate(t *testing.T) {
	for _, test := range []struct {
		name string
		c    auth.Config
		want []string
	}{
		{"complete", clientSecret(), nil},
		{"static", auth.Config{Method: "static", Token: "x"}, nil},
		{"public client", auth.Config{Method: "authorization_code", ClientID: "x", RedirectURI: "http://localhost"}, []string{"token_store.key_file: must be set where there is no client secret"}},
		{"delegated", auth.Config{Method: "authorization_code", ClientID: "x", ClientSecret: "x", RedirectURI: "http://localhost"}, nil},
		{"delegated with certificate", auth.Config{
			Method: "authorization_code", ClientID: "x", CertificateFile: "x", RedirectURI: "http://localhost", TokenStore: auth.TokenStore{KeyFile: "x"},
		}, nil},
		{
			"delegated, wrong values",
			auth.Config{
				Method: "authorization_code", ClientID: "x", ClientSecret: "x", RedirectURI: "here", AuthorizationCode: "session_state=5",
				TokenStore: auth.TokenStore{Key: "short"},
			},
			[]string{"redirect_uri: \"here\"", "authorization_code: it is neither", "token_store.key: key 1 of 1 is not 32 bytes"},
		},
		{"chain", auth.Config{Method: "default"}, []string{`method: "default" is none: name the one to use`}},
		{"empty", auth.Config{Method: "client_secret"}, []string{"client_id: must be set", "client_secret: must be set for method client_secret, or client_secret_file"}},
		{"twice", func() auth.Config { c := clientSecret(); c.ClientSecretFile = "f"; return c }(), []string{"client_secret: stands beside client_secret_file"}},
		{"unused", auth.Config{Method: "static", Token: "x", CertificateFile: "y"}, []string{"certificate_file: means nothing"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.c.Validate()
			if (err == nil) != (len(test.want) == 0) {
				t.Fatalf("error %v", err)
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q lacks %q", err, part)
				}
			}
		})
	}
}
