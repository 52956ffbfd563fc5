package emulator

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// The content types, in Microsoft's spelling.
const (
	Entra      = "Audit.AzureActiveDirectory"
	Exchange   = "Audit.Exchange"
	SharePoint = "Audit.SharePoint"
	General    = "Audit.General"
	DLP        = "DLP.All"
)

// ContentTypes are the five content types that the API knows.
var ContentTypes = []string{Entra, Exchange, SharePoint, General, DLP}

// The permissions that a token can carry.
const (
	PermissionRead    = "ActivityFeed.Read"
	PermissionReadDLP = "ActivityFeed.ReadDlp" // needed for DLP.All besides PermissionRead
)

// The credentials of the tenant that an emulator has when none is configured.
const (
	DefaultTenantID     = "11111111-1111-1111-1111-111111111111"
	DefaultClientID     = "22222222-2222-2222-2222-222222222222"
	DefaultClientSecret = "emulator-secret"
)

const maxAge = 7 * 24 * time.Hour

// Config says what an emulator offers. The zero value is one default tenant without records.
type Config struct {
	Tenants         []Tenant
	ContentTypes    []string         // that have records; default all five
	Seed            uint64           // the same seed, tenants and sizes give the same records
	Start           time.Time        // where the backlog ends and the live records begin; default: when New is called
	BacklogRecords  int              // records that are there at Start, over all streams
	Backlog         time.Duration    // how far the backlog reaches back; default 24 h
	Rate            float64          // records per second from Start on, over all streams
	RecordsPerBlob  int              // default 100; live blobs come about every 2 s and so may hold fewer
	RecordBytes     int              // average size of a record; 0, or less than they have by nature: not padded
	Until           time.Time        // blobs created later are never offered; zero: no end
	Clock           func() time.Time // default time.Now
	PageSize        int              // blobs per page of a listing; default 200
	TokenLifetime   time.Duration    // default 1 h
	RefreshLifetime time.Duration    // of refresh tokens, from each use on; default 90 days
	IdentityHeader  string           // of App Service: the secret that a request for a managed identity's token has to carry
	StaticToken     string           // a bearer token that is always accepted; empty: none
	BaseURL         string           // scheme and host in links; default: as the request was addressed
	Unsubscribed    bool             // no subscription is enabled at the start; default: all are
	Faults          []Fault
}

// Tenant is one Microsoft 365 organization and the application that reads its feed.
type Tenant struct {
	ID                string   // GUID
	ClientID          string   // default DefaultClientID
	ClientSecret      string   // default DefaultClientSecret, unless the application proves itself by anything else
	Permissions       []string // of its tokens; nil: all, empty: none
	RedirectURIs      []string // where people may be sent after a sign-in; empty: any http address of this machine
	Public            bool     // the application has no secret
	RequestsPerMinute int      // 0: no quota

	Certificates []*x509.Certificate   // registered with the application
	Federated    []FederatedCredential // likewise
	Identities   []ManagedIdentity     // of the host that clients run on
}

func (c *Config) setDefaults() {
	if len(c.Tenants) == 0 {
		c.Tenants = []Tenant{{ID: DefaultTenantID}}
	}
	c.Tenants = append([]Tenant(nil), c.Tenants...)
	for i := range c.Tenants {
		c.Tenants[i].setDefaults()
	}
	if len(c.ContentTypes) == 0 {
		c.ContentTypes = ContentTypes
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Start.IsZero() {
		c.Start = c.Clock()
	}
	setDefault(&c.Backlog, 24*time.Hour)
	setDefault(&c.RecordsPerBlob, 100)
	setDefault(&c.PageSize, 200)
	setDefault(&c.TokenLifetime, time.Hour)
	setDefault(&c.RefreshLifetime, refreshLife)
}

func (t *Tenant) setDefaults() {
	setDefault(&t.ClientID, DefaultClientID)
	if len(t.Certificates)+len(t.Federated)+len(t.Identities) == 0 {
		setDefault(&t.ClientSecret, DefaultClientSecret)
	}
	if t.Permissions == nil {
		t.Permissions = []string{PermissionRead, PermissionReadDLP}
	}
}

func setDefault[T comparable](value *T, fallback T) {
	var zero T
	if *value == zero {
		*value = fallback
	}
}

// Validate reports everything that New would refuse.
func (c Config) Validate() error {
	var errs []error
	seen := map[string]bool{}
	for _, t := range c.Tenants {
		if !isGUID(t.ID) {
			errs = append(errs, fmt.Errorf("tenant %q: must be a GUID", t.ID))
		}
		if seen[t.ID] {
			errs = append(errs, fmt.Errorf("tenant %q: is there twice", t.ID))
		}
		seen[t.ID] = true
	}
	for _, ct := range c.ContentTypes {
		if canonicalContentType(ct) == "" {
			errs = append(errs, fmt.Errorf("content type %q: must be one of %v", ct, ContentTypes))
		}
	}
	if c.BacklogRecords < 0 || c.Backlog < 0 || c.Rate < 0 || c.RecordsPerBlob < 0 || c.RecordBytes < 0 ||
		c.PageSize < 0 || c.TokenLifetime < 0 || c.RefreshLifetime < 0 {
		errs = append(errs, errors.New("numbers and durations must not be negative"))
	}
	for i, f := range c.Faults {
		if err := f.validate(); err != nil {
			errs = append(errs, fmt.Errorf("fault %d: %w", i+1, err))
		}
	}
	return errors.Join(errs...)
}
