package auth

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
)

// newHTTPClient reaches the authority, over http if it is plain.
func newHTTPClient(o Options, plain bool) (*http.Client, error) {
	client, err := baseClient(o)
	if err != nil {
		return nil, err
	}
	client.Transport = bounded{client.Transport}
	if plain {
		_, host, _ := strings.Cut(strings.TrimRight(o.Authority, "/"), "://")
		client.Transport = downgrade{host: host, next: client.Transport}
	}
	return client, nil
}

// baseClient follows no redirect: what is sent is for one host only.
func baseClient(o Options) (*http.Client, error) {
	roots, err := TrustedRoots(o.CAFile)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, InsecureSkipVerify: o.Insecure}, //nolint:gosec // the operator's choice
		DialContext:     (&net.Dialer{Timeout: o.Timeout}).DialContext,
		// One request an hour: a kept connection would be closed by the time it is needed.
		DisableKeepAlives: true,
	}
	if o.Proxy {
		transport.Proxy = http.ProxyFromEnvironment
	}
	return &http.Client{
		Timeout: o.Timeout, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// maxAnswer is more than any answer with a token, or about one, holds.
const maxAnswer = 1 << 20

// bounded cuts answers off that would fill the memory.
type bounded struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = http.MaxBytesReader(nil, response.Body, maxAnswer)
	return response, nil
}

// TrustedRoots returns the system's authorities and those of the PEM file (source.ca_file); nil stands for the system's.
func TrustedRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("ca_file: %s holds no PEM certificate", file)
	}
	return pool, nil
}

// downgrade sends https requests for one host over http. azidentity and the library below it insist on https, and an
// emulator on this machine has no certificate to offer. It is only used where parseAuthority allows plain http.
type downgrade struct {
	host string
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper. The addresses inside of the discovery document are turned to https as well,
// since its issuer must equal the authority.
func (d downgrade) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != d.host || r.URL.Scheme != "https" {
		return d.next.RoundTrip(r)
	}
	plain := r.Clone(r.Context())
	plain.URL.Scheme = "http"
	response, err := d.next.RoundTrip(plain)
	if err != nil || !strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration") {
		return response, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("read discovery document: %w", err)
	}
	body = bytes.ReplaceAll(body, []byte("http://"+d.host), []byte("https://"+d.host))
	response.Body = io.NopCloser(bytes.NewReader(body))
	response.ContentLength = int64(len(body))
	response.Header.Del("Content-Length")
	return response, nil
}

// loopback reports whether a host name or address is this machine's own.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
