package daemon

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"o365-kafka-connector/internal/telemetry"
)

// page is the status page while it is served.
type page struct {
	server  *telemetry.Server
	serving errgroup.Group
}

// close ends the page; a nil page is none.
func (p *page) close() error {
	if p == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return errors.Join(p.server.Shutdown(ctx), p.serving.Wait())
}
