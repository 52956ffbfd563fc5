package auth_test

import (
	"strings"
	"testing"
	"time"

	"o365-kafka-connector/internal/auth"
)

func TestEndOfTheClientSecretIsAsItsOwnerSays(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "2027-03-31": "2027-03-31T00:00:00Z", "2027-03-31T10:00:00+02:00": "2027-03-31T08:00:00Z",
	} {
		c := clientSecret()
		c.ClientSecretExpires = text
		s, err := auth.New(c, auth.Options{TenantID: tenantID, Authority: "https://login.microsoftonline.com"})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, one := range s.Credentials() {
			got = one.Expires.Format(time.RFC3339)
			if one.Kind != "client_secret" || !strings.Contains(one.Hint, "client_secret") {
				t.Errorf("credential %+v", one)
			}
		}
		if got != want {
			t.Errorf("%q ends %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{"31.3.2027", "2027-02-30", "soon"} {
		c := clientSecret()
		c.ClientSecretExpires = text
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), "client_secret_expires: ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
