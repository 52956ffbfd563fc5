package auth

import "regexp"

// Advice where no code says more.
const (
	hintAny        = "check auth, the tenant id and cloud; the code in the message is explained at https://login.microsoftonline.com/error"
	hintNetwork    = "the login host cannot be reached: check the network, source.proxy, source.ca_file and authority"
	hintBetween    = "something between here and the login host answered: check source.proxy and authority"
	hintNoIdentity = "no managed identity answers here: run on an Azure host that has one and can be reached from this container, or choose another auth.method"
	hintArc        = "the key of Azure Arc cannot be read: let the connector run as a member of the group himds"
	hintIdentity   = "the host has no such identity: assign one (az vm identity assign), and check auth.managed_identity_client_id"
)

var entraCode = regexp.MustCompile(`AADSTS\d+`)

const (
	hintAssertion = "the certificate is not known to the application: upload it to the app registration, or correct auth.certificate_file or auth.certificate_thumbprint"
	hintFederated = "the application does not trust this federated token: compare issuer, subject and audience of its federated credential with the token's"
	signInAnew    = "sign in anew: run connector login, or generate-login-url and put the new code into auth.authorization_code"
)

// hints say what to do about an error code of Entra ID.
// https://learn.microsoft.com/entra/identity-platform/reference-error-codes
var hints = map[string]string{
	"AADSTS7000215": "the client secret is wrong: copy the secret's value (not its id) from the app registration into auth.client_secret",
	"AADSTS7000222": "the client secret has expired: make a new one in the app registration and put it into auth.client_secret",
	"AADSTS7000216": "the application has no secret or certificate in the request: check auth.method",
	"AADSTS7000218": "the application has to prove itself: set auth.client_secret, or use method certificate",
	"AADSTS7000112": "the application is disabled: enable it among the tenant's enterprise applications",
	"AADSTS7000229": "the application has no service principal in this tenant: grant admin consent in the tenant",
	"AADSTS700016":  "the application is unknown in this tenant: check auth.client_id and the tenant id, and grant admin consent",
	"AADSTS700027":  hintAssertion,
	"AADSTS700023":  "the assertion was made for another authority: check authority and cloud",
	"AADSTS700024":  "the assertion or federated token is not valid now: check this machine's clock, and that the file of auth.federated_token_file is kept fresh",
	"AADSTS700021":  "the assertion names another application: check auth.client_id",
	"AADSTS700030":  "the certificate's subject or issuer is not what the application trusts, or it is of another cloud: check auth.certificate_file and cloud",
	"AADSTS70021":   hintFederated,
	"AADSTS700211":  hintFederated,
	"AADSTS700212":  hintFederated,
	"AADSTS700213":  hintFederated,
	"AADSTS700222":  "Entra ID cannot take its own tokens here: let the cluster issue the federated token",
	"AADSTS50027":   "the assertion is no proper token: check the certificate and key, or the file of auth.federated_token_file",
	"AADSTS90002":   "the tenant is unknown: check the tenant id and the cloud",
	"AADSTS90072":   "the account does not exist in this tenant: sign in with one of the tenant's own",
	"AADSTS900023":  "the tenant id is neither a GUID nor a domain: check it",
	"AADSTS900382":  "the application belongs to another cloud: check cloud",
	"AADSTS90038":   "the tenant belongs to another cloud: check cloud",
	"AADSTS9002313": "the request is malformed: check auth.client_id and the tenant id",
	"AADSTS500011":  "the tenant does not know the Office 365 Management APIs: check cloud and base_url",
	"AADSTS500014":  "the Office 365 Management APIs are disabled in this tenant: enable their enterprise application",
	"AADSTS650051":  "consent fails since the application asks for permissions that are gone: remove all but ActivityFeed.Read and ActivityFeed.ReadDlp",
	"AADSTS65001":   "nobody consented to the application: grant admin consent in its app registration",
	"AADSTS50105":   "the application is limited to assigned users: assign the one who signs in, or lift the limit",
	"AADSTS50034":   "the user is unknown in this tenant: sign in with one of the tenant's own",
	"AADSTS50076":   "the login host asks for a second factor: " + signInAnew,
	"AADSTS50079":   "the person has to register a second factor: " + signInAnew,
	"AADSTS50020":   "the user belongs to another tenant: sign in with one of this tenant's own",
	"AADSTS50057":   "the account of the person who signed in is disabled: sign in with another one (connector login)",
	"AADSTS50055":   "the password of the person who signed in has expired: let them change it, and " + signInAnew,
	"AADSTS50173":   "the password of the person who signed in was changed or the sign-in was revoked: " + signInAnew,
	"AADSTS700082":  "nobody used the refresh token for 90 days, so it has expired: " + signInAnew,
	"AADSTS70008":   "the code or the refresh token has expired (a code lasts ten minutes): " + signInAnew,
	"AADSTS700081":  "the stored sign-in no longer counts: " + signInAnew,
	"AADSTS50089":   "the stored sign-in no longer counts: " + signInAnew,
	"AADSTS54005":   "the code was redeemed before, perhaps by a request whose answer was lost: " + signInAnew,
	"AADSTS70000":   "the code or the refresh token is not valid, or was withdrawn: " + signInAnew,
	"AADSTS501481":  "the code belongs to another login URL than the last one: " + signInAnew + ", and paste the whole address that the browser is sent to",
	"AADSTS50011":   "auth.redirect_uri is none of those in the app registration: add it there under Authentication, letter by letter",
	"AADSTS53003":   "a conditional access policy blocks the application: change the policy or the network that the connector runs in",
	"AADSTS500112":  "auth.redirect_uri differs from the one of the login URL: run generate-login-url again and use its code",
	"AADSTS70002":   "the code or the refresh token is not valid: " + signInAnew,
	"AADSTS50132":   "the session was revoked or the password has expired: " + signInAnew,
	"AADSTS50133":   "the password of the person who signed in was changed: " + signInAnew,
	"AADSTS700084":  "the refresh token was for a single-page app, which lasts one day: register the redirect URI as Web, and " + signInAnew,
	"AADSTS50078":   "the second factor has expired: " + signInAnew,
	"AADSTS50158":   "a conditional access policy asks for more: " + signInAnew,
	"AADSTS700025":  "the app registration is for a public client: take auth.client_secret out",
	"AADSTS9002327": "the redirect URI is registered for single-page apps: register it as Web, or as mobile and desktop",
	"AADSTS65004":   "the person declined to give consent: sign in as somebody who may",
	"AADSTS1002016": "the login host wants TLS 1.2 or newer: check what lies between here and it",
	"AADSTS90033":   "Entra ID fails at the moment; it is tried again by itself",
	"AADSTS90055":   "Entra ID asks for fewer requests; it is tried again by itself",
}
