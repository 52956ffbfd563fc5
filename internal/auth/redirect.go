package auth

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"o365-kafka-connector/internal/secret"
)

// ErrNotLocal means that a browser is not sent to this machine after a sign-in.
var ErrNotLocal = errors.New("the redirect URI does not lead to this machine")

// Redirect waits on this machine for the browser that comes back from a sign-in.
type Redirect struct {
	uri       *url.URL
	listeners []net.Listener
}

// ListenRedirect listens where a redirect URI leads to, which has to be http://localhost or another name of this
// machine. Without a port it takes a free one: Entra ID does not compare the port of such addresses. An error is
// ErrNotLocal, or says that the port is taken.
//
// https://learn.microsoft.com/entra/identity-platform/reply-url#localhost-exceptions
func ListenRedirect(ctx context.Context, redirectURI string) (*Redirect, error) {
	u, err := url.Parse(redirectURI)
	if err != nil || u.Scheme != "http" || !loopback(u.Hostname()) {
		return nil, ErrNotLocal
	}
	r := &Redirect{uri: u}
	hosts := []string{u.Hostname()}
	if u.Hostname() == "localhost" { // the browser takes either
		hosts = []string{"127.0.0.1", "::1"}
	}
	port := u.Port()
	for i, host := range hosts {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(host, firstText(port, "0")))
		if err != nil && i == 0 {
			return nil, fmt.Errorf("listen for the browser: %w: end what uses the port, or register another redirect URI", err)
		}
		if err != nil { // a machine without IPv6
			continue
		}
		r.listeners = append(r.listeners, l)
		_, port, _ = net.SplitHostPort(l.Addr().String())
	}
	u.Host = net.JoinHostPort(u.Hostname(), port)
	return r, nil
}

func firstText(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// URI is where the browser has to be sent to.
func (r *Redirect) URI() string { return r.uri.String() }

// Wait returns the query that the browser comes back with from the sign-in of a link. What comes with another state, or
// to another path, is turned away. It ends the listening.
func (r *Redirect) Wait(ctx context.Context, link string) (secret.String, error) {
	u, err := url.Parse(link)
	if err != nil {
		return "", fmt.Errorf("wait for the browser: %w", err)
	}
	answers := make(chan secret.String, 1)
	server := &http.Server{
		Handler: r.handler(u.Query().Get("state"), answers), ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second,
	}
	var serving sync.WaitGroup
	for _, l := range r.listeners {
		serving.Go(func() { _ = server.Serve(l) }) // it ends with Shutdown
	}
	defer serving.Wait()
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second) // for the page to reach the browser
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close()
		}
	}()
	select {
	case answer := <-answers:
		return answer, nil
	case <-ctx.Done():
		return "", fmt.Errorf("wait for the browser: nobody has signed in: %w", ctx.Err())
	}
}

// Close ends the listening without waiting.
func (r *Redirect) Close() {
	for _, l := range r.listeners {
		_ = l.Close()
	}
}

func (r *Redirect) handler(state string, answers chan<- secret.String) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", "default-src 'none'")
		h.Set("Connection", "close")
		q := request.URL.Query()
		switch {
		case strings.Trim(request.URL.Path, "/") != strings.Trim(r.uri.Path, "/") || request.Method != http.MethodGet:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, page("There is nothing here."))
			return
		case subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(state)) != 1:
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, page("This is not the sign-in that the connector waits for. Open the address that it printed."))
			return
		}
		fmt.Fprint(w, page("Thank you. You can close this window; the connector tells how it went."))
		select {
		case answers <- secret.String("?" + request.URL.RawQuery):
		default: // the browser came twice
		}
	})
}

func page(text string) string {
	return "<!DOCTYPE html><html lang=\"en\"><title>Sign-in</title><p>" + text + "</p></html>\n"
}
