package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"o365-kafka-connector/internal/audit"
)

// hostDeadline bounds finding and reaching a host.
const hostDeadline = 10 * time.Second

// reach resolves the host of an address and connects to it, or to the proxy that stands in front of it.
func reach(ctx context.Context, address string, useProxy bool) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("read address: %w", err)
	}
	target, through := u, ""
	if useProxy {
		proxy, err := http.ProxyFromEnvironment(&http.Request{URL: u})
		if err != nil {
			return "", unreachable(fmt.Errorf("read proxy settings: %w", err), "correct HTTPS_PROXY, or set source.proxy: false")
		}
		if proxy != nil {
			target, through = proxy, " through the proxy "+proxy.Host
		}
	}
	names, err := (&net.Resolver{}).LookupHost(ctx, target.Hostname())
	if err != nil {
		return "", unreachable(fmt.Errorf("resolve %s: %w", target.Hostname(), err),
			"check the name (cloud, base_url, authority) and this machine's name service")
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", hostPort(target))
	if err != nil {
		return "", unreachable(fmt.Errorf("connect to %s: %w", hostPort(target), err),
			"let the firewall pass connections to "+hostPort(target)+", or set HTTPS_PROXY if there is a proxy")
	}
	_ = conn.Close()
	return fmt.Sprintf("%s is %s and can be reached%s", u.Host, strings.Join(names, ", "), through), nil
}

func unreachable(err error, hint string) error {
	return &audit.Fault{Cause: audit.CauseTransport, Scope: audit.OfTenant, Hint: hint, Err: err}
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}
