package checkpoint

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/secret"
)

// replies are what Redis refuses with, and what to do about it. Inside a script some versions put the code behind
// other words, so the whole text is searched, in this order.
// https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors
var replies = []struct{ text, hint string }{
	{sentinelSignIn, "check checkpoint.redis.sentinel_username and sentinel_password"},
	{"NOPERM", hintRights},
	{"user executing the script can't", hintRights},
	{"OOM ", "Redis is full: raise its maxmemory or remove other data; the connector goes on by itself"},
	{"READONLY", "this Redis is a replica: wait for the failover to end, or name the master (or use redis.sentinel_master)"},
	{"LOADING", "Redis is still reading its data from disk: the connector goes on when it is done"},
	{"MISCONF", "Redis cannot save its data to disk and refuses writes: make room on its disk and see its log"},
	{"WRONGPASS", "check checkpoint.redis.username and checkpoint.redis.password"},
	{"NOAUTH", "Redis asks for a password: set checkpoint.redis.password (and username)"},
	{"CLUSTERDOWN", "the Redis Cluster has lost nodes: see redis-cli cluster info; the connector goes on when it is whole"},
	{"CROSSSLOT", "checkpoint.key_prefix must not hold braces: a stream's keys have to share a hash slot"},
	{"cluster support disabled", "this Redis is no cluster: set checkpoint.redis.cluster to false"},
	{"MOVED ", "this Redis is part of a cluster: set checkpoint.redis.cluster to true"},
	{"TRYAGAIN", "the Redis Cluster is moving keys: the connector goes on when it is done"},
	{"MASTERDOWN", "the replica has lost its master: wait for the failover to end"},
	{"NOREPLICAS", "Redis has too few replicas to accept writes (min-replicas-to-write): bring them back"},
	{"BUSY", "Redis is busy with a script of somebody else: see redis-cli slowlog get"},
	{"max number of clients", "Redis has no connection left: raise its maxclients"},
	{"WRONGTYPE", "another program uses keys of this name: set another checkpoint.key_prefix"},
	{"DB index is out of range", "Redis has fewer databases: set checkpoint.redis.db to a lower number"},
	{"all sentinels specified", "no sentinel answers or knows the master: check checkpoint.redis.addresses and sentinel_master"},
	{"unknown command", "this Redis forbids or lacks a command: version 6.0 or newer is needed, with EVAL and EVALSHA"},
	{"unknown answer", "another program answers at this address: check checkpoint.redis.addresses"},
}

const (
	hintRights = "the Redis user lacks a right: grant it with ACL SETUSER as in docs/operations.md (it needs " +
		"~<key_prefix>* and the commands listed there)"
	hintDisk = "make room in the directory that checkpoint.path names, and let the connector write to it"
)

// redisFault says what an error of Redis or of the way to it means.
func redisFault(what string, err error) error {
	return fault(fmt.Errorf("%s: %w", what, err), redisHint(err))
}

func fault(err error, hint string) error {
	return &audit.Fault{Cause: audit.CauseCheckpoint, Scope: audit.OfStream, Hint: hint, Err: err}
}

func redisHint(err error) string {
	if _, ok := errors.AsType[*secret.UnreadableError](err); ok {
		return "put the password into the file, readable for the connector; it is read again by itself"
	}
	for _, r := range replies {
		if strings.Contains(err.Error(), r.text) {
			return r.hint
		}
	}
	return networkHint(err)
}

func networkHint(err error) string {
	if hint := tlsHint(err); hint != "" {
		return hint
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "the name in checkpoint.redis.addresses cannot be resolved"
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return "nothing listens there: start Redis or check checkpoint.redis.addresses"
	}
	timeout, ok := errors.AsType[net.Error](err)
	if errors.Is(err, context.DeadlineExceeded) || ok && timeout.Timeout() ||
		strings.Contains(err.Error(), "connection pool timeout") {
		return "Redis does not answer in time: check the network, Redis's load (redis-cli --latency), and that " +
			"checkpoint.redis.tls.enabled fits the port"
	}
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return "Redis closed the connection: see its log; if it asks for TLS, set checkpoint.redis.tls.enabled"
	}
	return "check checkpoint.redis and Redis's log"
}

func tlsHint(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "the certificate of Redis is signed by an unknown authority: set checkpoint.redis.tls.ca_file"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "the certificate of Redis is for another name: use that name in checkpoint.redis.addresses"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the certificate of Redis is not valid: renew it, or check checkpoint.redis.tls.ca_file"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "Redis does not speak TLS there: set checkpoint.redis.tls.enabled to false or use its TLS port"
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok || strings.Contains(err.Error(), "remote error: tls") {
		return "Redis refuses our certificate: set checkpoint.redis.tls.cert_file and key_file, signed by its authority"
	}
	return ""
}

func schemaFault(found int64) error {
	return fault(fmt.Errorf("decode checkpoint: it has schema %d, this version knows %d", found, schemaVersion),
		"run the version of the connector that wrote the checkpoint, or one that is newer")
}

// BoundError means that a store belongs to another deployment: going on would take what that one has delivered as
// delivered to this one.
type BoundError struct {
	Bound, Wanted Deployment
	Fix           string
}

// Error tells both deployments and what to do.
func (e *BoundError) Error() string {
	return fmt.Sprintf("bind checkpoint: it belongs to %s, not to %s: %s", e.Bound, e.Wanted, e.Fix)
}

// String names the deployment for people.
func (d Deployment) String() string {
	if d.KafkaClusterID == "" {
		return fmt.Sprintf("group %q without Kafka", d.GroupID)
	}
	return fmt.Sprintf("group %q on Kafka cluster %s", d.GroupID, d.KafkaClusterID)
}
