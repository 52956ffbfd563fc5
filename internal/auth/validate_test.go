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
		{"later", auth.Config{Method: "authorization_code"}, []string{`method: "authorization_code" does not exist yet; use client_secret,`}},
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
