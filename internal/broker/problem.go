package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/secret"
)

// Kind tells what went wrong between us and the brokers: a constant for tests, logs and metrics.
type Kind string

// The kinds.
const (
	Unreachable         Kind = "unreachable"          // no route, nobody listens, unknown name
	TimedOut            Kind = "timed-out"            // no answer within the deadline
	WrongAuthority      Kind = "wrong-authority"      // the broker's certificate is signed by somebody else
	WrongName           Kind = "wrong-name"           // the broker's certificate is for another name
	ClientCertificate   Kind = "client-certificate"   // the broker refuses our certificate, or misses it
	NotTLS              Kind = "not-tls"              // we speak TLS, the listener does not
	NeedsTLS            Kind = "needs-tls"            // the other way round
	Closed              Kind = "closed"               // the broker hung up without a word
	WrongPassword       Kind = "wrong-password"       // SASL credentials refused
	WrongMechanism      Kind = "wrong-mechanism"      // SASL mechanism refused
	NoSASL              Kind = "no-sasl"              // we authenticate, the listener does not
	TopicDenied         Kind = "topic-denied"         // an ACL is missing
	GroupDenied         Kind = "group-denied"         // an ACL is missing
	ClusterDenied       Kind = "cluster-denied"       // an ACL is missing
	TransactionalDenied Kind = "transactional-denied" // an ACL is missing
	UnknownTopic        Kind = "unknown-topic"        // the topic does not exist
	BadTopic            Kind = "bad-topic"            // the topic cannot be created like this
	NotEnoughReplicas   Kind = "not-enough-replicas"  // fewer replicas in sync than min.insync.replicas
	BadSession          Kind = "bad-session"          // the broker does not take the session's timeout
	NoSecret            Kind = "no-secret"            // a file that holds a secret cannot be read
	NoToken             Kind = "no-token"             // the login host gives no token for Kafka
	WrongToken          Kind = "wrong-token"          // the broker refuses the token
	Passing             Kind = "passing"              // an election, a restart: gone in a moment
	Other               Kind = "other"
)

// Problem is an error of a broker or of the way to it, with advice.
type Problem struct {
	Kind Kind
	Hint string // what the operator can do
	Err  error
}

// Error returns the wrapped error's text.
func (p *Problem) Error() string { return p.Err.Error() }

// Unwrap returns the wrapped error.
func (p *Problem) Unwrap() error { return p.Err }

// About is what a request was about, for the advice.
type About struct {
	Topic      string // a name
	Operations string // what we do with the topic, as an ACL calls it; default: Write,Describe
	Group      string
	Create     NewTopic // how the topic would be created, if it is missing
}

// Explain finds out what an error of a request means. The answer holds err; it is nil for nil.
func (c *Conn) Explain(err error, about About) *Problem {
	if err == nil {
		return nil
	}
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if t, ok := errors.AsType[*tokenError](err); ok {
		return &Problem{Kind: NoToken, Hint: t.hint, Err: err}
	}
	if _, ok := c.bearer(); ok && errors.Is(err, kafka.SASLAuthenticationFailed) {
		return &Problem{Kind: WrongToken, Hint: hintToken, Err: err}
	}
	for _, r := range rules {
		if r.match(err) {
			return &Problem{Kind: r.kind, Hint: r.hint(c, about), Err: err}
		}
	}
	return &Problem{Kind: Other, Hint: "look into the broker's log", Err: err}
}

const hintToken = "the brokers refuse the token: compare kafka.sasl.oauth.resource with the audience that they expect " +
	"(sasl.oauthbearer.expected.audience), the issuer, and the clocks; the broker's log says more"

type rule struct {
	match func(error) bool
	kind  Kind
	hint  func(*Conn, About) string
}

// rules is the table of errors; the first that matches counts.
var rules = []rule{
	{is[*secret.UnreadableError], NoSecret, text("put the secret into the file, readable for the connector; it is read again by itself")},
	{code(kafka.SASLAuthenticationFailed), WrongPassword, text("check kafka.sasl.username and kafka.sasl.password")},
	{code(kafka.UnsupportedSASLMechanism), WrongMechanism, text("set kafka.sasl.mechanism to one that the listener enables (sasl.enabled.mechanisms of the broker)")},
	{code(kafka.IllegalSASLState), NoSASL, text("the listener takes no SASL: clear kafka.sasl.mechanism, or use the port of a SASL listener in kafka.brokers")},
	{code(kafka.TopicAuthorizationFailed), TopicDenied, topicACL},
	{code(kafka.GroupAuthorizationFailed), GroupDenied, groupACL},
	{code(kafka.ClusterAuthorizationFailed), ClusterDenied, clusterACL},
	{code(kafka.TransactionalIDAuthorizationFailed), TransactionalDenied, transactionACL},
	{code(kafka.UnknownTopicOrPartition), UnknownTopic, createTopic},
	{
		code(kafka.InvalidReplicationFactor, kafka.InvalidPartitionNumber, kafka.InvalidConfiguration, kafka.PolicyViolation, kafka.InvalidTopic), BadTopic,
		text("change kafka.topics (partitions, replication_factor, config) or the topic's name, or create the topic yourself"),
	},
	{
		code(kafka.NotEnoughReplicas, kafka.NotEnoughReplicasAfterAppend), NotEnoughReplicas,
		text("bring brokers back, or lower the topic's min.insync.replicas"),
	},
	{
		code(kafka.OutOfOrderSequenceNumber, kafka.InvalidProducerEpoch, kafka.InvalidProducerIDMapping, kafka.UnknownProducerId, kafka.ProducerFenced), Passing,
		text("nothing to do: the broker has lost the producer's session, and another one is begun"),
	},
	{
		code(kafka.InvalidSessionTimeout), BadSession,
		text("set control.session_timeout between the brokers' group.min.session.timeout.ms (6 s unless set) and group.max.session.timeout.ms (30 min)"),
	},
	{isPassing, Passing, text("nothing to do if it ends by itself; else look into the broker's log")},
	{is[*x509.HostnameError], WrongName, text("use the name that the broker's certificate was made for in kafka.brokers and in the broker's advertised.listeners")},
	{is[x509.HostnameError], WrongName, text("use the name that the broker's certificate was made for in kafka.brokers and in the broker's advertised.listeners")},
	{is[x509.UnknownAuthorityError], WrongAuthority, text("set kafka.tls.ca_file to the authority that signed the brokers' certificates")},
	{is[*tls.CertificateVerificationError], WrongAuthority, text("check the brokers' certificates and kafka.tls.ca_file")},
	{
		says("tls: bad certificate", "tls: certificate required", "tls: unknown certificate", "tls: expired certificate", "tls: handshake failure"), ClientCertificate,
		text("set kafka.tls.cert_file and kafka.tls.key_file to a client certificate that the brokers trust"),
	},
	{says("expecting TLS"), NeedsTLS, text("set kafka.tls.enabled: true, or use the port of a listener without TLS")},
	{says("does not look like a TLS handshake"), NotTLS, text("the listener speaks no TLS: set kafka.tls.enabled: false, or use the port of a TLS listener")},
	{isTimeout, TimedOut, text("check network and firewall, and that each broker's advertised.listeners can be reached from here")},
	{isClosed, Closed, whyClosed},
	{isUnreachable, Unreachable, text("check kafka.brokers, name service and firewall, and that the brokers run")},
}

func code(codes ...kafka.Error) func(error) bool {
	return func(err error) bool {
		for _, c := range codes {
			if errors.Is(err, c) {
				return true
			}
		}
		return false
	}
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// says matches errors that have no type of their own.
func says(texts ...string) func(error) bool {
	return func(err error) bool {
		for _, t := range texts {
			if strings.Contains(err.Error(), t) {
				return true
			}
		}
		return false
	}
}

func isPassing(err error) bool {
	e, ok := errors.AsType[kafka.Error](err)
	return ok && e != kafka.RequestTimedOut && (e.Temporary() || e == kafka.BrokerNotAvailable)
}

func isTimeout(err error) bool {
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		return true
	}
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}

func isClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || says("connection reset by peer", "broken pipe")(err)
}

func isUnreachable(err error) bool { return is[*net.OpError](err) || is[*net.DNSError](err) }

func text(s string) func(*Conn, About) string {
	return func(*Conn, About) string { return s }
}

func whyClosed(c *Conn, _ About) string {
	switch {
	case c.Transport.SASL != nil:
		return "if the brokers run and this goes on: check kafka.sasl.username and kafka.sasl.password (older brokers just hang up), and that the port is that of a SASL listener"
	case c.Transport.TLS != nil:
		return "if the brokers run and this goes on: the listener may speak no TLS (set kafka.tls.enabled: false or use another port) or ask for SASL (set kafka.sasl)"
	}
	return "if the brokers run and this goes on: the listener may ask for SASL (set kafka.sasl) or for TLS (set kafka.tls.enabled: true)"
}

func topicACL(c *Conn, a About) string {
	operations := a.Operations
	if operations == "" {
		operations = "Write,Describe"
	}
	advice := c.acl(operations, "--topic "+orAny(a.Topic))
	if operations == kafka.ACLOperationTypeCreate.String() {
		advice += " ; or create it yourself: " + c.Command(a.creation())
	}
	return advice
}

func groupACL(c *Conn, a About) string { return c.acl("Read", "--group "+orAny(a.Group)) }

func clusterACL(c *Conn, a About) string {
	if a.Topic == "" {
		return c.acl("IdempotentWrite", "--cluster")
	}
	return c.acl("Create", "--topic "+a.Topic) + " ; or create it yourself: " + c.Command(a.creation())
}

func transactionACL(c *Conn, a About) string {
	return c.acl("Write,Describe", "--transactional-id "+orAny(a.Group)+" --resource-pattern-type prefixed")
}

func createTopic(c *Conn, a About) string {
	return "create the topic: " + c.Command(a.creation())
}

func (a About) creation() NewTopic {
	if a.Create.Name != "" {
		return a.Create
	}
	return NewTopic{Name: orAny(a.Topic), Partitions: 1, Replication: -1}
}

func orAny(name string) string {
	if name == "" {
		return "NAME"
	}
	return name
}

// acl returns the line of Kafka's own tool that gives us a right.
func (c *Conn) acl(operations, resource string) string {
	var flags strings.Builder
	for op := range strings.SplitSeq(operations, ",") {
		flags.WriteString(" --operation " + op)
	}
	return fmt.Sprintf("give the right: kafka-acls.sh --bootstrap-server %s --add --allow-principal 'User:%s'%s %s",
		c.bootstrap(), c.principal(), flags.String(), resource)
}

// principal is how the broker knows us, unless it maps names.
func (c *Conn) principal() string {
	bearer, ok := c.bearer()
	switch {
	case c.User != "":
		return c.User
	case ok && bearer.principal() != "":
		return bearer.principal()
	case ok:
		return "SUBJECT_OF_THE_TOKEN"
	case c.Transport.TLS != nil && c.Transport.TLS.GetClientCertificate != nil:
		if pair, err := c.Transport.TLS.GetClientCertificate(nil); err == nil && pair.Leaf != nil {
			return pair.Leaf.Subject.String()
		}
	}
	return "ANONYMOUS"
}

// bearer returns the mechanism if it is the one that sends tokens.
func (c *Conn) bearer() (*bearerMechanism, bool) {
	m, ok := c.Transport.SASL.(*bearerMechanism)
	return m, ok
}
