package secret

import (
	"bytes"
	"crypto/tls"
	"log/slog"
)

// KeyPair is the certificate that a client shows, with its key, in two PEM files.
type KeyPair struct{ files *kept[*tls.Certificate] }

// NewKeyPair returns the pair in two files. It reads nothing.
func NewKeyPair(certFile, keyFile string) KeyPair {
	return KeyPair{&kept[*tls.Certificate]{
		load: func() (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(certFile, keyFile)
			return &pair, err
		},
		same: func(a, b *tls.Certificate) bool { return bytes.Equal(a.Certificate[0], b.Certificate[0]) },
		log:  []any{slog.String("file", certFile), slog.String("key_file", keyFile)},
	}}
}

// Certificate returns the pair as the files have it now. While they cannot be read or do not fit together, as in the
// middle of a change, their last good content counts, and the log says so; only files that never had one are an error.
// Calls may be concurrent.
func (p KeyPair) Certificate() (*tls.Certificate, error) { return p.files.read() }

// ClientCertificate is Certificate as tls.Config.GetClientCertificate wants it: for each handshake anew.
func (p KeyPair) ClientCertificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return p.Certificate()
}
