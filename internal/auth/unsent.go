package auth

import (
	"crypto/tls"
	"errors"
	"net"
)

// dialFailed reports whether a request failed before anything of it was sent.
func dialFailed(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	if ok && op.Op == "dial" {
		return true
	}
	_, unknown := errors.AsType[*net.DNSError](err)
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	return unknown || untrusted
}
