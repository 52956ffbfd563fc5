package command

import (
	"context"
	"fmt"
	"os"

	"o365-kafka-connector/config"
	"o365-kafka-connector/internal/control"
	"o365-kafka-connector/internal/secret"
)

// Logins signs people in on whose behalf tenants are read.
type Logins interface {
	// Begin returns the address at which a person signs in, and remembers what it takes to redeem the code that comes of
	// it: 15 minutes long, also for other processes. It reports whether it can be redeemed: only method
	// authorization_code has a use for one. redirectURI is where the browser is sent to then; empty: auth.redirect_uri.
	Begin(ctx context.Context, t config.Tenant, redirectURI string) (link string, redeemable bool, err error)
	// Redeem signs in with the code, or the whole address, that a browser came back with.
	Redeem(ctx context.Context, t config.Tenant, answer secret.String) error
	// Forget drops the tenant's sign-in and its tokens. It needs none of them to be valid.
	Forget(ctx context.Context, t config.Tenant) error
	// Retire drops all that is kept of the sign-ins of a tenant, by its GUID, that may be configured no more, or, if it is
	// dry, only looks. It reports whether there is anything.
	Retire(ctx context.Context, tenant string, dry bool) (bool, error)
}

const authorizationInstructions = `### Authorization instructions
1. Open the [login URL](%s) and sign in as an administrator who may grant the application its permissions.
The browser is then sent to:
` + "`REDIRECT_URI?code=AUTH_CODE&session_state=SESSION_STATE`" + `
2. Copy AUTH_CODE, without ` + "`code=`" + ` and without ` + "`session_state`" + `, into ` + "`auth.authorization_code`" + ` of the configuration.
`

// codeForms is for method authorization_code.
const codeForms = `
The whole address will do as well, also in the file that ` + "`auth.authorization_code_file` or `connector login --code-file`" + ` names. The URL can be used
for 15 minutes, and the code for about ten.
`

// consentOnly is for methods that sign in without a person.
const consentOnly = `
This gives the application its permissions; the code is of no use, unless ` + "`auth.method`" + ` is authorization_code when the URL is made.
`

func (c *call) generateLoginURL(ctx context.Context) error {
	t := c.tenant()
	switch {
	case t.Auth.ClientID == "":
		return refused("not_configured", "there is no application to sign in to", "set auth.client_id of tenant "+t.Name)
	case t.Auth.RedirectURI == "":
		return refused("not_configured", "there is no address to return to after the sign-in",
			"set auth.redirect_uri of tenant "+t.Name+" to a redirect URI of the application's registration")
	}
	link, redeemable, err := c.options.Logins.Begin(ctx, t, "")
	if err != nil {
		return err
	}
	text := fmt.Sprintf(authorizationInstructions, link)
	if redeemable {
		text += codeForms
	} else {
		text += consentOnly
	}
	return c.reply(control.OutcomeDone, text, original("LoginURL", link))
}

// maxCodeFile is more than any address of a code takes, in bytes.
const maxCodeFile = 16 << 10

// login redeems a code that lies in a file where the command is done, so that it never stands in a message.
func (c *call) login(ctx context.Context) error {
	t, file := c.tenant(), c.command.Arguments.CodeFile
	if file == "" {
		return refused("no_code", "nobody can sign in here", "run connector login where a browser is, or run generate-login-url, "+
			"write the code into a file that the connector can read, and name it: code_file")
	}
	answer, err := readCode(file)
	if err != nil {
		return refused("no_code", err.Error(), "let code_file name a file, on the machine that does the command, with nothing in it but the code or the whole address")
	}
	if err := c.options.Logins.Redeem(ctx, t, answer); err != nil {
		return err
	}
	return c.reply(control.OutcomeDone, SignedIn(t), LoginContext(t))
}

// SignedIn tells of a sign-in.
func SignedIn(t config.Tenant) string {
	return "Signed in: tenant " + t.Name + " is read on behalf of this person from now on, by all instances."
}

// LoginContext is what programs get of a sign-in.
func LoginContext(t config.Tenant) map[string]any {
	return map[string]any{"login": map[string]any{"tenant": t.ID, "signed_in": true}}
}

func readCode(file string) (secret.String, error) {
	// Before it is opened: a pipe would wait for a writer. Whoever sends commands does not learn which files there are.
	useless := fmt.Errorf("read code: %s is no file of less than 16 KiB that can be read here", file)
	info, err := os.Stat(file)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxCodeFile {
		return "", useless
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", useless
	}
	return secret.String(text), nil
}

// authReset asks for no token: it is what helps when none can be had.
func (c *call) authReset(ctx context.Context) error {
	if err := c.options.Logins.Forget(ctx, c.tenant()); err != nil {
		return err
	}
	return c.reply(control.OutcomeDone, "Authorization was reset: stored tokens and sign-ins of tenant "+c.tenant().Name+
		" are forgotten. Run generate-login-url to sign in again.", map[string]any{"MicrosoftManagement": map[string]any{}})
}
