package broker

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/segmentio/kafka-go/sasl"

	"o365-kafka-connector/internal/audit"
)

// renewAfter is the age at which a token that the brokers refuse is replaced before its time: a new one may hold what
// the old one lacks, but nobody is served by asking for one at each connection.
const renewAfter = time.Minute

// tokenTimeout bounds the wait for a token. A connection has less time; what comes later serves the next one.
const tokenTimeout = 20 * time.Second

// tokenSource hands out access tokens. Renew returns another one than stale.
type tokenSource interface {
	Token(ctx context.Context) (string, error)
	Renew(ctx context.Context, stale string) (string, error)
	Credentials() []audit.Credential
}

// bearerMechanism is the SASL mechanism OAUTHBEARER (RFC 7628, KIP-255). Each connection sends the token that counts
// when it is made.
type bearerMechanism struct {
	tokens     tokenSource
	extensions string // encoded

	mu      sync.Mutex // guards the following
	current string     // the token that was sent last
	since   time.Time  // when it was sent first, or could not be replaced
	refused bool       // a broker does not take it
	subject string     // of the token that a broker took last
}

func newBearerMechanism(tokens tokenSource, extensions map[string]string) *bearerMechanism {
	m := &bearerMechanism{tokens: tokens}
	for _, name := range slices.Sorted(maps.Keys(extensions)) {
		m.extensions += name + "=" + extensions[name] + "\x01"
	}
	return m
}

// Name is the mechanism's name as brokers know it.
func (*bearerMechanism) Name() string { return "OAUTHBEARER" }

// Start sends the token.
func (m *bearerMechanism) Start(ctx context.Context) (sasl.StateMachine, []byte, error) {
	patient, cancel := patiently(ctx)
	defer cancel()
	token, err := m.token(patient)
	if err != nil {
		return nil, nil, noToken(err)
	}
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, nil, &tokenError{
			text: "use the token for Kafka: it is empty or holds characters that no token has",
			hint: "check kafka.sasl.oauth.auth: token and token_file hold nothing but the token",
		}
	}
	return &bearerExchange{mechanism: m, token: token}, []byte("n,,\x01auth=Bearer " + token + "\x01" + m.extensions + "\x01"), nil
}

// patiently returns a context that ends with its parent, but not by its deadline, which is that of a connection.
func patiently(ctx context.Context) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithTimeout(context.WithoutCancel(ctx), tokenTimeout)
	stop := context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.Canceled) {
			cancel()
		}
	})
	return longer, func() { stop(); cancel() }
}

func (m *bearerMechanism) token(ctx context.Context) (string, error) {
	token, err := m.tokens.Token(ctx)
	if err != nil || !m.replaceable(token) {
		return token, err
	}
	return m.tokens.Renew(ctx, token)
}

// replaceable takes note of a token that is about to be sent, and reports whether another one should be.
func (m *bearerMechanism) replaceable(token string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if token != m.current {
		m.current, m.since, m.refused = token, now, false
	}
	if !m.refused || now.Sub(m.since) < renewAfter {
		return false
	}
	m.since = now
	return true
}

// answered takes note of what a broker says to a token.
func (m *bearerMechanism) answered(token string, refused bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if token == m.current {
		m.refused = refused
	}
	if !refused {
		m.subject = subjectOf(token)
	}
}

// bearerExchange is the authentication of one connection.
type bearerExchange struct {
	mechanism *bearerMechanism
	token     string
	refused   bool
}

// Next takes the broker's answer: nothing if it takes the token, else why not, as JSON. That has to be acknowledged by
// a byte 0x01, upon which the broker says the same as an error and hangs up.
//
// https://www.rfc-editor.org/rfc/rfc7628#section-3.2.3
func (e *bearerExchange) Next(_ context.Context, challenge []byte) (done bool, response []byte, err error) {
	if e.refused {
		return false, nil, errors.New("authenticate by token: the broker goes on after it has refused the token")
	}
	e.refused = len(challenge) > 0
	e.mechanism.answered(e.token, e.refused)
	if e.refused {
		return false, []byte{1}, nil
	}
	return true, nil, nil
}

// principal is how brokers name who has the token, unless they look at another claim; empty before one took it.
func (m *bearerMechanism) principal() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.subject
}

// Credentials returns what is needed for tokens and ends some day; nothing without oauthbearer.
func (c *Conn) Credentials() []audit.Credential {
	m, ok := c.bearer()
	if !ok {
		return nil
	}
	all := m.tokens.Credentials()
	for i := range all {
		all[i].Hint = "kafka.sasl.oauth: " + all[i].Hint
	}
	return all
}

// subjectOf reads the claim sub of a token that somebody else has verified, or returns nothing.
func subjectOf(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var said struct {
		Subject string `json:"sub"`
	}
	if err != nil || json.Unmarshal(payload, &said) != nil {
		return ""
	}
	return said.Subject
}

// tokenError means that there is no token for the brokers. It does not hold the error of the token's source: that one
// would be taken for trouble with a tenant.
type tokenError struct{ text, hint string }

// Error tells what went wrong.
func (e *tokenError) Error() string { return e.text }

// noToken leaves the end of the caller's context as it is.
func noToken(err error) error {
	f, ok := errors.AsType[*audit.Fault](err)
	switch {
	case ok:
	case errors.Is(err, context.DeadlineExceeded):
		return &tokenError{
			text: fmt.Sprintf("get a token for Kafka: no answer within %v", tokenTimeout),
			hint: "kafka.sasl.oauth: check that the login host can be reached from here (firewall, proxy)",
		}
	default:
		return fmt.Errorf("get a token for Kafka: %w", err)
	}
	return &tokenError{text: fmt.Sprintf("get a token for Kafka: %v", f), hint: "kafka.sasl.oauth: " + f.Hint}
}
