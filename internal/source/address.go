package source

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"

	"o365-kafka-connector/internal/audit"
)

// pathSuffix matches what operators append to the base URL, since the documentation shows it that way.
var pathSuffix = regexp.MustCompile(`(?i)^/?(api(/v1(\.0)?)?/?)?$`)

// address builds the URLs of one tenant, and decides which URLs from outside may be followed with its token.
type address struct {
	root      url.URL // {base}/api/v1.0/{tenant}/activity/feed
	tenant    string
	publisher string
}

func newAddress(o Options, insecure bool) (*address, error) {
	base, err := url.Parse(strings.TrimSpace(o.BaseURL))
	if err != nil || base.Host == "" || base.User != nil || base.RawQuery != "" || !pathSuffix.MatchString(base.Path) ||
		(base.Scheme != "https" && base.Scheme != "http") {
		return nil, fmt.Errorf("base_url: %q is no API host: write scheme and host, as https://manage.office.com", o.BaseURL)
	}
	if base.Scheme == "http" && !insecure && !loopback(base.Hostname()) {
		return nil, fmt.Errorf("base_url: %s would send tokens unencrypted: use https, or set source.insecure for a test", o.BaseURL)
	}
	a := &address{tenant: o.Tenant.ID, publisher: o.PublisherIdentifier}
	if a.publisher == "" {
		a.publisher = o.Tenant.ID
	}
	a.root = url.URL{Scheme: base.Scheme, Host: base.Host, Path: "/api/v1.0/" + o.Tenant.ID + "/activity/feed"}
	return a, nil
}

// operation returns the URL of an operation, PublisherIdentifier included.
func (a *address) operation(path string, query url.Values) *url.URL {
	u := a.root
	u.Path += path
	query.Set("PublisherIdentifier", a.publisher)
	u.RawQuery = query.Encode()
	return &u
}

// nextPage turns a NextPageUri into the request for it. The link comes from outside, and lacks PublisherIdentifier.
func (a *address) nextPage(current *url.URL, link string) (*url.URL, error) {
	u, err := current.Parse(link)
	if err != nil {
		return nil, fmt.Errorf("next page link is no URL: %q", clean(link))
	}
	if !a.ours(u) {
		return nil, fmt.Errorf("next page link leads to %s://%s instead of %s://%s", u.Scheme, u.Host, a.root.Scheme, a.root.Host)
	}
	return a.withPublisher(u), nil
}

// blob returns the URL of a blob as it was listed, or the one built from our own configuration if the listed one
// leads anywhere else than to this tenant's content; rebuilt tells which.
func (a *address) blob(b audit.Blob) (u *url.URL, rebuilt bool) {
	listed, err := url.Parse(b.URI)
	if err != nil || !a.ours(listed) || !a.content(listed.Path) {
		return a.rebuilt(b), true
	}
	return a.withPublisher(listed), false
}

// rebuilt returns the URL of a blob by its id alone.
func (a *address) rebuilt(b audit.Blob) *url.URL {
	u := a.operation("/audit/"+b.ID, url.Values{})
	u.RawPath = a.root.Path + "/audit/" + url.PathEscape(b.ID)
	return u
}

// ours reports whether a URL leads to the configured host by the configured scheme: only there goes the token.
func (a *address) ours(u *url.URL) bool {
	return strings.EqualFold(u.Scheme, a.root.Scheme) && strings.EqualFold(hostPort(u), hostPort(&a.root))
}

// content reports whether a path is that of a blob of this tenant; the version is written v1 or v1.0.
func (a *address) content(path string) bool {
	path = strings.ToLower(path)
	for _, version := range []string{"/api/v1.0/", "/api/v1/"} {
		id, ok := strings.CutPrefix(path, version+strings.ToLower(a.tenant)+"/activity/feed/audit/")
		if ok && validID(id) {
			return true
		}
	}
	return false
}

// withPublisher sets PublisherIdentifier, whose name the service takes in any letter case.
func (a *address) withPublisher(u *url.URL) *url.URL {
	query := u.Query()
	for name := range query {
		if strings.EqualFold(name, "PublisherIdentifier") {
			query.Del(name)
		}
	}
	query.Set("PublisherIdentifier", a.publisher)
	out := *u
	out.RawQuery, out.Fragment, out.RawFragment, out.User = query.Encode(), "", "", nil
	return &out
}

// validID refuses ids that a server could take for a way to another resource.
func validID(id string) bool { return id != "" && id != "." && !strings.Contains(id, "..") }

func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[strings.ToLower(u.Scheme)])
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
