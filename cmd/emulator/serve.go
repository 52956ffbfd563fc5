package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// grace is how long answers in hand may take after a signal.
const grace = 2 * time.Second

type servers []*http.Server

// serve answers on each listener until the context ends.
func (s servers) serve(ctx context.Context, listeners []net.Listener) error {
	group, gctx := errgroup.WithContext(ctx)
	for i, l := range listeners {
		group.Go(func() error {
			if err := s[i].Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve on %s: %w", l.Addr(), err)
			}
			return nil
		})
		group.Go(func() error {
			<-gctx.Done()
			limit, cancel := context.WithTimeout(context.WithoutCancel(gctx), grace)
			defer cancel()
			if err := s[i].Shutdown(limit); err != nil {
				return s[i].Close()
			}
			return nil
		})
	}
	return group.Wait()
}
