package auth_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/auth"
)

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestSecretFileIsReadForEachToken(t *testing.T) {
	a := newAuthority(t, plainServer)
	file := filepath.Join(t.TempDir(), "secret")
	c := clientSecret()
	c.ClientSecret, c.ClientSecretFile = "", file
	s, err := auth.New(c, auth.Options{TenantID: tenantID, Authority: a.URL, Resource: "https://manage.office.com"})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{"": "is empty", "\n": "is empty"} {
		write(t, file, text)
		_, err := s.Token(t.Context())
		if f, ok := errors.AsType[*audit.Fault](err); !ok || f.Cause != audit.CauseCredentials || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v", text, err)
		}
	}
	write(t, file, "first+secret\n")
	mustToken(t, s.Token, "token-1")
	write(t, file, "second+secret\r\n")
	mustToken(t, func(ctx context.Context) (string, error) { return s.Renew(ctx, "token-1") }, "token-2")
	write(t, file, "") // in the middle of a change: the last good one still counts
	mustToken(t, func(ctx context.Context) (string, error) { return s.Renew(ctx, "token-2") }, "token-3")
	for n, want := range map[int64]string{1: "first+secret", 2: "second+secret", 3: "second+secret"} {
		if form, _ := a.forms.Load(n); !strings.Contains(fmt.Sprint(form), "client_secret:["+want+"]") {
			t.Errorf("request %d: %v", n, form)
		}
	}
}
