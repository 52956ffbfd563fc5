package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"o365-kafka-connector/internal/audit"
)

// ServerOptions is what the pages tell about.
type ServerOptions struct {
	Instance string
	Host     string
	Version  string
	Started  time.Time
	Streams  func() []audit.StreamStatus
	// Members returns the processes of the group; false, or nil: only this one is known.
	Members func() ([]Member, bool)
	// Problems returns what is wrong with the group; nil: nothing.
	Problems func() []string
	// Credentials returns what the sign-ins need and what ends some day; nil: nothing.
	Credentials func() []audit.Credential
	Metrics     *Metrics
	Health      *Health
	Log         *slog.Logger
}

// Server serves the status page, /api/status, /metrics, /healthz and /readyz, all of them read-only.
type Server struct {
	opts     ServerOptions
	http     *http.Server
	listener net.Listener
}

// NewServer returns a server that does not listen yet.
func NewServer(opts ServerOptions) *Server {
	s := &Server{opts: opts}
	s.http = &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(opts.Log.Handler(), slog.LevelDebug),
	}
	return s
}

// Listen takes the port, so that one that is taken is known before anything else starts.
func (s *Server) Listen(ctx context.Context, address string) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("listen on %s: the port is taken: stop the program that uses it, or set http.listen to another address", address)
	}
	if err != nil {
		return fmt.Errorf("listen on %s: set http.listen to an address of this machine: %w", address, err)
	}
	s.listener = l
	return nil
}

// Addr is the address that Listen took.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Serve answers requests until Shutdown.
func (s *Server) Serve() error {
	if err := s.http.Serve(s.listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve http: %w", err)
	}
	return nil
}

// Shutdown lets the requests in hand finish until the context ends, then cuts them.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("stop http: %w", err), s.http.Close())
	}
	s.opts.Health.wait()
	return err
}

// Handler routes the pages.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", s.page)
	mux.HandleFunc("/api/status", s.apiStatus)
	mux.HandleFunc("/healthz", s.healthz)
	mux.HandleFunc("/readyz", s.readyz)
	mux.Handle("/metrics", promhttp.HandlerFor(s.opts.Metrics.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(s.opts.Log.Handler(), slog.LevelWarn), MaxRequestsInFlight: 8,
	}))
	return readOnly(mux)
}

// readOnly refuses every method that could change something, and sets the headers of all answers.
func readOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD are answered here", http.StatusMethodNotAllowed)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) apiStatus(w http.ResponseWriter, _ *http.Request) {
	body, err := json.MarshalIndent(s.status(), "", "  ")
	if err != nil {
		s.opts.Log.Error("status cannot be written as json", slog.Any("error", err))
		http.Error(w, "the status cannot be written as JSON; the log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n')) // nobody is left to tell when the client has gone
}

func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n"))
}

// readyz answers a line per check, and 503 if one of them fails.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	code := http.StatusOK
	var body strings.Builder
	for _, res := range s.opts.Health.ready(r.Context()) {
		if res.Err == nil {
			fmt.Fprintf(&body, "ok   %s\n", res.Name)
			continue
		}
		code = http.StatusServiceUnavailable
		fmt.Fprintf(&body, "FAIL %s: %s\n", res.Name, oneLine(res.Err.Error()))
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(body.String()))
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
