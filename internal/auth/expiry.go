package auth

import (
	"fmt"
	"time"

	"o365-kafka-connector/internal/audit"
)

// clientSecretEnd is when the client secret ends as its owner says: the beginning of a day that is given without a
// time. It is zero if he does not say.
func (c Config) clientSecretEnd() (time.Time, error) {
	if c.ClientSecretExpires == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if end, err := time.Parse(layout, c.ClientSecretExpires); err == nil {
			return end.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("client_secret_expires: %q is no date: write it as 2027-03-31, as the app registration shows it", c.ClientSecretExpires)
}

// secretCredential tells when the client secret ends.
func (c Config) secretCredential() audit.Credential {
	end, _ := c.clientSecretEnd() // what is wrong was refused
	return audit.Credential{
		Kind: "client_secret", Expires: end,
		Hint: "make a new client secret in the app registration, put it into auth.client_secret or the file of auth.client_secret_file, and its end into auth.client_secret_expires",
	}
}
