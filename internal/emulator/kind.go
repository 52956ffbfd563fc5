package emulator

import (
	"maps"
	"slices"
)

// Kind names a fault.
type Kind string

// Faults in what is offered. They hit blobs, chosen by the seed, and hold for the whole timeline as soon as they are
// set: after and first count blobs, from the stream's first on.
const (
	PublicationDelay Kind = "publication-delay" // blobs appear delay after their contentCreated (default 1m)
	Late             Kind = "late"              // so do some: set a probability (default delay 2m)
	SameMillisecond  Kind = "same-millisecond"  // count blobs share one contentCreated (default 2)
	DuplicateRecord  Kind = "duplicate-record"  // count records are in the blob twice (default 1)
	RepeatRecord     Kind = "repeat-record"     // count records of an earlier blob are in this one too (default 1)
	ListedTwice      Kind = "listed-twice"      // a blob is listed again in the window delay later (default 5m)
	PartialBlob      Kind = "partial-blob"      // a blob listed only from its own second on has half of its records
	ExpiredListed    Kind = "expired-listed"    // contentExpiration is past, the blob is gone (AF20051)
	LostBlob         Kind = "lost-blob"         // listed, but never there (AF20050)
	WrongURI         Kind = "wrong-uri"         // contentUri is text, or http://localhost/<other>/activity/feed/audit/<id>
	BadRecord        Kind = "bad-record"        // the blob ends with two more elements: no object, and one without Id
	BigBlob          Kind = "big-blob"          // the blob has count records, or as many as bytes need (default 60 MB)
)

// Faults in listings and their pages.
const (
	PageSize      Kind = "page-size"      // count blobs per page
	PageLinkOld   Kind = "page-link-old"  // NextPageUri as documented: /api/v1/ and camelCase names
	PageLoop      Kind = "page-loop"      // NextPageUri leads to the page it came with
	PageStale     Kind = "page-stale"     // the page id of NextPageUri is refused (AF20031)
	PageForeign   Kind = "page-foreign"   // NextPageUri leads to another host: text (default https://collector.invalid)
	EmptyPage     Kind = "empty-page"     // an empty page with a link to the real one
	WindowPartial Kind = "window-partial" // a window over 24 h answers with its first 24 h, not with AF20055
	AgeLenient    Kind = "age-lenient"    // a start may be delay more than 7 days back (default 1h)
)

// Faults of requests. They hit by probability, from the seeded source, or by after and first.
const (
	Slow          Kind = "slow"           // the answer begins after delay (default 40s); with min_window, only of listings of that length or longer
	ServerError   Kind = "server-error"   // AF50000 with status (default 500); code and text replace it
	HTML          Kind = "html"           // an HTML page with status (default 502)
	Unauthorized  Kind = "unauthorized"   // 401 with a Message
	NoRole        Kind = "no-role"        // what a token without any role gets: a 401 whose body is no JSON
	Throttle      Kind = "throttle"       // AF429 with status (default 403), Retry-After if retry_after is set
	Quota         Kind = "quota"          // count requests per minute (default 60); more get what throttle gives
	StartThrottle Kind = "start-throttle" // one start per content type in delay (default 15m), then 429
	AuditOff      Kind = "audit-off"      // the tenant is unknown to the audit service: a 400 with a stack trace
	Error         Kind = "error"          // status (default 400), code and text as given
	ClockOffset   Kind = "clock-offset"   // Date is delay ahead; may be negative
)

// Faults in the body of an answer that is otherwise right.
const (
	Cut        Kind = "cut"        // the connection breaks after bytes (default: half of the body)
	SlowBody   Kind = "slow-body"  // bytes per second (default 1024)
	NotJSON    Kind = "not-json"   // the body is text
	ShortJSON  Kind = "short-json" // a complete answer whose JSON ends half-way
	AsObject   Kind = "object"     // an object where an array is due
	Gzip       Kind = "gzip"       // compressed, if the client accepts it
	Chunked    Kind = "chunked"    // no Content-Length
	EmptyReply Kind = "empty"      // no body at all
)

// Faults of the token endpoint.
const (
	TokenError     Kind = "token-error"      // code (default invalid_client) with status (default 401); code 503 text alike
	TokenLifetime  Kind = "token-lifetime"   // tokens live delay (default 20s)
	TokenLost      Kind = "token-lost"       // a code or refresh token is used up, and the connection breaks before the answer
	SignInDeclined Kind = "sign-in-declined" // the person at the browser does not consent
	TokenNumbers   Kind = "token-numbers"    // v1 answers with numbers, v2 with numbers as strings
)

// family says what a kind is decided by.
type family int

const (
	ofBlobs family = iota + 1
	ofRequests
	ofTokens
)

var kinds = map[Kind]family{
	PublicationDelay: ofBlobs, Late: ofBlobs, SameMillisecond: ofBlobs, DuplicateRecord: ofBlobs, RepeatRecord: ofBlobs,
	ListedTwice: ofBlobs, PartialBlob: ofBlobs, ExpiredListed: ofBlobs, LostBlob: ofBlobs, WrongURI: ofBlobs,
	BadRecord: ofBlobs, BigBlob: ofBlobs,
	PageSize: ofRequests, PageLinkOld: ofRequests, PageLoop: ofRequests, PageStale: ofRequests, PageForeign: ofRequests,
	EmptyPage: ofRequests, WindowPartial: ofRequests, AgeLenient: ofRequests,
	Slow: ofRequests, ServerError: ofRequests, HTML: ofRequests, Unauthorized: ofRequests, NoRole: ofRequests,
	Throttle: ofRequests, Quota: ofRequests, StartThrottle: ofRequests, AuditOff: ofRequests, Error: ofRequests,
	ClockOffset: ofRequests,
	Cut:         ofRequests, SlowBody: ofRequests, NotJSON: ofRequests, ShortJSON: ofRequests, AsObject: ofRequests,
	Gzip: ofRequests, Chunked: ofRequests, EmptyReply: ofRequests,
	TokenError: ofTokens, TokenLifetime: ofTokens, TokenNumbers: ofTokens, TokenLost: ofTokens, SignInDeclined: ofTokens,
}

// Kinds returns the names of all faults, sorted.
func Kinds() []string {
	names := make([]string, 0, len(kinds))
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		names = append(names, string(k))
	}
	return names
}

// The operations, as faults and statistics name them.
const (
	opToken         = "token"
	opAuthorize     = "authorize" // a browser that comes to sign in
	opStart         = "start"
	opStop          = "stop"
	opSubscriptions = "subscriptions" // the list of subscriptions
	opContent       = "content"       // a listing; as a fault's operation, its further pages too
	opPage          = "page"          // a further page of a listing
	opBlob          = "blob"
	opNotifications = "notifications"
	opSensitive     = "sensitive-types"
	opUnknown       = "unknown"
)

var operations = []string{
	opToken, opAuthorize, opStart, opStop, opSubscriptions, opContent, opPage, opBlob, opNotifications, opSensitive, opUnknown,
}

func isOperation(s string) bool { return slices.Contains(operations, s) }
