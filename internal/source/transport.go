package source

import (
	"crypto/tls"
	"net"
	"net/http"
	"time"

	"o365-kafka-connector/internal/auth"
)

const (
	// idleConnections is enough for the workers of a tenant's streams to find their connections again.
	idleConnections = 64
	// readBuffer is what one read from a connection takes at most.
	readBuffer = 32 << 10
	// maxHeader is how large the header of an answer may be; page links make for the longest ones.
	maxHeader = 256 << 10
	// maxRedirects bounds redirects inside of the configured host.
	maxRedirects = 5
)

func newHTTPClient(c Config) (*http.Client, error) {
	roots, err := auth.TrustedRoots(c.CAFile)
	if err != nil {
		return nil, err
	}
	// HTTP/2 would buffer megabytes of each body that waits for room in the pipeline; over HTTP/1.1 they wait in the
	// kernel, and memory stays what the configuration says.
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	transport := &http.Transport{
		Protocols:           &protocols,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, InsecureSkipVerify: c.Insecure}, //nolint:gosec // the operator's choice
		DialContext:         (&net.Dialer{Timeout: c.Timeout.D(), KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: c.Timeout.D(),
		MaxIdleConnsPerHost: idleConnections,
		IdleConnTimeout:     90 * time.Second,
		ReadBufferSize:      readBuffer,

		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true, // asked for and undone by ourselves, so that Content-Length keeps its meaning
	}
	if c.Proxy {
		transport.Proxy = http.ProxyFromEnvironment
	}
	return &http.Client{Transport: transport, CheckRedirect: sameHostOnly}, nil
}

// sameHostOnly follows redirects inside of the host that the token is meant for. Any other redirect is an answer.
func sameHostOnly(next *http.Request, via []*http.Request) error {
	first := via[0].URL
	if next.URL.Scheme != first.Scheme || hostPort(next.URL) != hostPort(first) || len(via) > maxRedirects {
		return http.ErrUseLastResponse
	}
	return nil
}
