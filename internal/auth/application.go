package auth

import (
	"context"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"o365-kafka-connector/internal/secret"
)

// clientSecret asks with the application's secret, as it is at the time.
func clientSecret(e *entra, from secret.Source) issuer {
	return func(ctx context.Context) (token, error) {
		value, err := from.Reveal()
		if err != nil {
			return token{}, unreadable(err)
		}
		return e.ask(ctx, value, func(options azcore.ClientOptions, _ *witness) (azcore.TokenCredential, error) {
			return azidentity.NewClientSecretCredential(e.tenant, e.clientID, value,
				&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: noDiscovery})
		})
	}
}

// federated asks with a token of another issuer, which keeps it fresh in a file.
//
// https://learn.microsoft.com/entra/workload-id/workload-identity-federation
func federated(e *entra, file string) issuer {
	return func(ctx context.Context) (token, error) {
		data, err := readFile("federated_token_file", file)
		if err != nil {
			return token{}, unreadable(err)
		}
		return e.assert(ctx, func(time.Time) (string, error) { return strings.TrimSpace(string(data)), nil })
	}
}
