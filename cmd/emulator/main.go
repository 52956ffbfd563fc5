// Command emulator is the Office 365 Management Activity API with made-up records, for trials and tests of collectors.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"o365-kafka-connector/internal/emulator"
)

type flags struct {
	Listen         string        `default:"127.0.0.1:8880" help:"Address for HTTP."`
	TLSListen      string        `name:"tls-listen" help:"Address for HTTPS with a self-signed certificate, e.g. 127.0.0.1:8843. Microsoft's own login libraries accept no other."`
	TLSHost        []string      `name:"tls-host" help:"Further host names or addresses for the certificate."`
	CertOut        string        `name:"cert-out" type:"path" help:"File to write the certificate to, for the client's ca_file."`
	BaseURL        string        `name:"base-url" help:"Scheme and host for links in answers; default: as the request was addressed."`
	Tenants        []string      `name:"tenant" sep:"none" help:"ID[,CLIENT_ID[,SECRET[,REQUESTS_PER_MINUTE[,PERMISSION|PERMISSION]]]]; may be repeated."`
	ContentTypes   []string      `name:"content-type" help:"Content types that have records; default all."`
	Seed           uint64        `default:"1" help:"The same seed gives the same records."`
	Records        int           `default:"10000" help:"Records that are there at the start."`
	Backlog        time.Duration `default:"24h" help:"How far they reach back."`
	Rate           float64       `default:"20" help:"Records per second from now on, over all streams."`
	RecordsPerBlob int           `default:"100" help:"Records per blob."`
	RecordBytes    int           `help:"Average size of a record; default: as they come, 0.8 to 1.7 kB by content type."`
	For            time.Duration `help:"Stop offering new blobs after this time; default: never."`
	PageSize       int           `default:"200" help:"Blobs per page of a listing."`
	TokenLifetime  time.Duration `default:"1h" help:"How long tokens live."`
	StaticToken    string        `help:"A bearer token that is always accepted."`
	Unsubscribed   bool          `help:"Start without any subscription."`
	Mix            bool          `help:"Switch on a mixture of faults from which a correct client loses nothing."`
	Faults         []string      `name:"fault" sep:"none" help:"KIND[,key=value...], e.g. server-error,operation=blob,probability=0.1; may be repeated. Kinds: ${kinds}."`
}

func main() {
	var f flags
	kong.Parse(&f, kong.Name("emulator"), kong.Description("The Office 365 Management Activity API with made-up records."),
		kong.Vars{"kinds": strings.Join(emulator.Kinds(), ", ")})
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, f); err != nil {
		fmt.Fprintln(os.Stderr, "emulator:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, f flags) error {
	config, err := f.config()
	if err != nil {
		return err
	}
	plain, err := new(net.ListenConfig).Listen(ctx, "tcp", f.Listen)
	if err != nil {
		return fmt.Errorf("listen for HTTP: %w", err)
	}
	defer plain.Close()
	handler := emulator.New(config)
	s := servers{{Handler: handler, ReadHeaderTimeout: 10 * time.Second}}
	listeners := []net.Listener{plain}
	authority := "" // a login host must have HTTPS
	if f.TLSListen != "" {
		secure, err := listenTLS(f)
		if err != nil {
			return err
		}
		defer secure.Close()
		s, listeners = append(s, &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}), append(listeners, secure)
		authority = "https://" + secure.Addr().String()
	}
	printHelp(config, f, orElse(f.BaseURL, "http://"+plain.Addr().String()), authority)
	return s.serve(ctx, listeners)
}

func (f flags) config() (emulator.Config, error) {
	c := emulator.Config{
		ContentTypes: f.ContentTypes, Seed: f.Seed, BacklogRecords: f.Records, Backlog: f.Backlog, Rate: f.Rate,
		RecordsPerBlob: f.RecordsPerBlob, RecordBytes: f.RecordBytes, PageSize: f.PageSize, TokenLifetime: f.TokenLifetime,
		StaticToken: f.StaticToken, BaseURL: f.BaseURL, Unsubscribed: f.Unsubscribed,
	}
	if f.For > 0 {
		c.Until = time.Now().Add(f.For)
	}
	var errs []error
	for _, text := range f.Tenants {
		t, err := parseTenant(text)
		errs = append(errs, err)
		c.Tenants = append(c.Tenants, t)
	}
	if f.Mix {
		c.Faults = emulator.Mix()
	}
	for _, text := range f.Faults {
		fault, err := emulator.ParseFault(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("--fault %s: %w", text, err))
			continue
		}
		c.Faults = append(c.Faults, fault)
	}
	return c, errors.Join(append(errs, c.Validate())...)
}

func parseTenant(text string) (emulator.Tenant, error) {
	parts := append(strings.Split(text, ","), "", "", "", "")
	t := emulator.Tenant{ID: parts[0], ClientID: parts[1], ClientSecret: parts[2]}
	if parts[3] != "" {
		if _, err := fmt.Sscan(parts[3], &t.RequestsPerMinute); err != nil {
			return t, fmt.Errorf("--tenant %s: requests per minute: must be a number", parts[0])
		}
	}
	switch parts[4] {
	case "":
	case "none":
		t.Permissions = []string{}
	default:
		t.Permissions = strings.Split(parts[4], "|")
	}
	return t, nil
}

// printHelp prints the address in the first line, for scripts, and then a configuration of the connector that works as
// it is.
func printHelp(c emulator.Config, f flags, base, authority string) {
	fmt.Println(base)
	tenant := emulator.Tenant{ID: emulator.DefaultTenantID}
	if len(c.Tenants) > 0 {
		tenant = c.Tenants[0]
	}
	login := base
	if authority != "" {
		login = authority
	}
	auth := fmt.Sprintf("{client_id: %s, client_secret: %s}", orElse(tenant.ClientID, emulator.DefaultClientID),
		orElse(tenant.ClientSecret, emulator.DefaultClientSecret))
	if c.StaticToken != "" {
		auth = fmt.Sprintf("{method: static, token: %s}", c.StaticToken)
	}
	fmt.Printf(`
# a configuration for the connector: events to standard output, its place remembered in a directory
tenants:
  - id: %s
    name: emulated
    base_url: %s
    authority: %s
    auth: %s
source: {poll_interval: 5s%s}
sink: {kind: stdout}
checkpoint: {kind: file, path: state}
`, tenant.ID, base, login, auth, trust(f, authority))
}

// trust is what the connector needs to believe in the emulator's certificate.
func trust(f flags, authority string) string {
	switch {
	case authority == "":
		return ""
	case f.CertOut == "":
		return ", insecure: true"
	}
	return ", ca_file: " + f.CertOut
}

func orElse(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
