package testbed

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

// SecureBroker is a broker with three client listeners. Everybody is a super user on the plain one. Rights are checked
// on the others (StandardAuthorizer): User, its certificate and its tokens may do everything, Guest only what Grant
// allows.
type SecureBroker struct {
	*Broker

	SSLAddress  string // TLS that requires a client certificate
	SASLAddress string // TLS, and PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER

	CAFile string // issuer of the broker's and the clients' certificates

	User, Guest, Operator Account

	Tokens *TokenIssuer // for OAUTHBEARER

	// Stranger has a certificate and a CA that the broker does not know, and no password.
	Stranger       Account
	StrangerCAFile string
}

// Account is what a client shows to be somebody.
type Account struct {
	Name, Password string // the same for PLAIN and SCRAM; the name is also the certificate's principal
	Identity
}

// security is what a broker needs to serve secured connections.
type security struct {
	ca, strangers                   *Authority
	broker                          Identity
	user, guest, operator, stranger Account
	tokens                          *TokenIssuer
}

func newSecurity(dir string) (*security, error) {
	s := &security{
		user:     Account{Name: "connector", Password: "connector-secret"},
		guest:    Account{Name: "guest", Password: "guest-secret"},
		operator: Account{Name: "operator", Password: "operator-secret"},
		stranger: Account{Name: "stranger"},
	}
	var err error
	if s.ca, err = NewAuthority(dir, "ca"); err != nil {
		return nil, err
	}
	if s.strangers, err = NewAuthority(dir, "stranger-ca"); err != nil {
		return nil, err
	}
	if s.broker, err = s.ca.Issue("broker"); err != nil {
		return nil, err
	}
	if s.user.Identity, err = s.ca.Issue(s.user.Name); err != nil {
		return nil, err
	}
	if s.guest.Identity, err = s.ca.Issue(s.guest.Name); err != nil {
		return nil, err
	}
	if s.stranger.Identity, err = s.strangers.Issue(s.stranger.Name); err != nil {
		return nil, err
	}
	s.tokens, err = newTokenIssuer(dir)
	return s, err
}

func (s *security) accounts() []Account { return []Account{s.user, s.guest, s.operator} }

// scram returns the users as StorageTool takes them.
func (s *security) scram() []string {
	var all []string
	for _, a := range s.accounts() {
		for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
			all = append(all, fmt.Sprintf("%s=[name=%s,password=%s]", mechanism, a.Name, a.Password))
		}
	}
	return all
}

func (s *security) properties(n node) map[string]string {
	plain := "org.apache.kafka.common.security.plain.PlainLoginModule required"
	for _, a := range s.accounts() {
		plain += fmt.Sprintf(" user_%s=%q", a.Name, a.Password)
	}
	scram := "org.apache.kafka.common.security.scram.ScramLoginModule required;"
	return map[string]string{
		"listeners": listener("PLAINTEXT", n.port) + "," + listener("SSL", n.ports[0]) + "," +
			listener("SASL_SSL", n.ports[1]) + "," + listener("CONTROLLER", n.controller),
		"advertised.listeners": "PLAINTEXT://" + address(n.port) + ",SSL://" + address(n.ports[0]) +
			",SASL_SSL://" + address(n.ports[1]),
		"listener.security.protocol.map":                        "PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT",
		"ssl.keystore.type":                                     "PEM",
		"ssl.keystore.location":                                 n.home + "/broker.bundle.pem",
		"ssl.truststore.type":                                   "PEM",
		"ssl.truststore.location":                               n.home + "/ca.pem",
		"listener.name.ssl.ssl.client.auth":                     "required",
		"ssl.principal.mapping.rules":                           "RULE:^CN=(.*?)$/$1/,DEFAULT",
		"sasl.enabled.mechanisms":                               "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
		"authorizer.class.name":                                 "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"super.users":                                           "User:ANONYMOUS;User:" + s.user.Name,
		"listener.name.sasl_ssl.plain.sasl.jaas.config":         plain + ";",
		"listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config": scram,
		"listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": scram,

		"listener.name.sasl_ssl.oauthbearer.sasl.jaas.config":                    "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;",
		"listener.name.sasl_ssl.oauthbearer.sasl.server.callback.handler.class":  "org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler",
		"listener.name.sasl_ssl.oauthbearer.sasl.oauthbearer.jwks.endpoint.url":  s.tokens.url(n.home),
		"listener.name.sasl_ssl.oauthbearer.sasl.oauthbearer.expected.issuer":    TokenIssuerName,
		"listener.name.sasl_ssl.oauthbearer.sasl.oauthbearer.expected.audience":  TokenAudience,
		"listener.name.sasl_ssl.oauthbearer.sasl.oauthbearer.clock.skew.seconds": "0",
	}
}

var sharedSecure struct {
	mu     sync.Mutex // guards the following
	broker *SecureBroker
	err    error
}

// SecureKafka returns a broker that requires certificates and passwords, shared by the tests of this process. It lives
// until the process ends.
func SecureKafka(tb testing.TB) *SecureBroker {
	tb.Helper()
	begin(tb)
	sharedSecure.mu.Lock()
	defer sharedSecure.mu.Unlock()
	if sharedSecure.broker == nil && sharedSecure.err == nil {
		sharedSecure.broker, sharedSecure.err = StartSecureKafka(context.WithoutCancel(tb.Context()), KafkaOptions{})
	}
	requireOwn(tb, EnvKafka, sharedSecure.err)
	return sharedSecure.broker
}

// OwnSecureKafka starts a broker that requires certificates and passwords for this test alone.
func OwnSecureKafka(tb testing.TB, o KafkaOptions) *SecureBroker {
	tb.Helper()
	b, err := StartSecureKafka(begin(tb), o)
	requireOwn(tb, EnvKafka, err)
	tb.Cleanup(func() { closeServer(tb, b) })
	return b
}

// StartSecureKafka starts a broker that requires certificates and passwords and returns when it answers. The caller
// closes it.
func StartSecureKafka(ctx context.Context, o KafkaOptions) (*SecureBroker, error) {
	o.secure = true
	b, err := StartKafka(ctx, o)
	if err != nil {
		return nil, err
	}
	s := b.node.security
	return &SecureBroker{
		Broker:         b,
		SSLAddress:     address(b.node.ports[0]),
		SASLAddress:    address(b.node.ports[1]),
		User:           s.user,
		Guest:          s.guest,
		Operator:       s.operator,
		Stranger:       s.stranger,
		Tokens:         s.tokens,
		CAFile:         s.ca.CAFile,
		StrangerCAFile: s.strangers.CAFile,
	}, nil
}

// Grant allows an account what the entries say; their principal and host are filled in.
func (b *SecureBroker) Grant(ctx context.Context, a Account, entries ...kafka.ACLEntry) error {
	entries = slices.Clone(entries)
	for i := range entries {
		entries[i].Principal = "User:" + a.Name
		entries[i].Host = "*"
		entries[i].PermissionType = kafka.ACLPermissionTypeAllow
	}
	return b.administer(func(client *kafka.Client) error {
		answer, err := client.CreateACLs(ctx, &kafka.CreateACLsRequest{ACLs: entries})
		if err != nil {
			return fmt.Errorf("create ACLs: %w", err)
		}
		return errors.Join(answer.Errors...)
	})
}

// Revoke takes back what Grant allowed.
func (b *SecureBroker) Revoke(ctx context.Context, a Account, entries ...kafka.ACLEntry) error {
	filters := make([]kafka.DeleteACLsFilter, len(entries))
	for i, e := range entries {
		filters[i] = kafka.DeleteACLsFilter{
			ResourceTypeFilter: e.ResourceType, ResourceNameFilter: e.ResourceName, ResourcePatternTypeFilter: e.ResourcePatternType,
			PrincipalFilter: "User:" + a.Name, HostFilter: "*", Operation: e.Operation, PermissionType: kafka.ACLPermissionTypeAllow,
		}
	}
	return b.administer(func(client *kafka.Client) error {
		answer, err := client.DeleteACLs(ctx, &kafka.DeleteACLsRequest{Filters: filters})
		if err != nil {
			return fmt.Errorf("delete ACLs: %w", err)
		}
		for i, r := range answer.Results {
			switch {
			case r.Error != nil:
				return fmt.Errorf("delete ACLs: %w", r.Error)
			case len(r.MatchingACLs) != 1:
				return fmt.Errorf("delete ACLs: %d match %+v", len(r.MatchingACLs), entries[i])
			}
		}
		return nil
	})
}

// administer lends a client that may do everything.
func (b *SecureBroker) administer(do func(*kafka.Client) error) error {
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	return do(&kafka.Client{Addr: kafka.TCP(b.Address()), Transport: transport})
}

// SetPassword gives a user a password for SCRAM-SHA-512; a user that is not there is made. Brokers know of it a moment
// later.
func (b *SecureBroker) SetPassword(ctx context.Context, user, password string) error {
	const rounds = 4096
	salt := []byte(rand.Text())
	salted, err := pbkdf2.Key(sha512.New, password, salt, rounds, sha512.Size)
	if err != nil {
		return fmt.Errorf("hash password: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(b.Address()), Transport: transport}
	answer, err := client.AlterUserScramCredentials(ctx, &kafka.AlterUserScramCredentialsRequest{
		Upsertions: []kafka.UserScramCredentialsUpsertion{{
			Name: user, Mechanism: kafka.ScramMechanismSha512, Iterations: rounds, Salt: salt, SaltedPassword: salted,
		}},
	})
	if err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	return answer.Results[0].Error
}
