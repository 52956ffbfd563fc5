package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"o365-kafka-connector/internal/audit"
)

const (
	// turnTime is how long an instance may talk to the login host before another takes it for dead.
	turnTime = 30 * time.Second
	// workTime is how much of it may be spent, so that what came can still be stored.
	workTime = turnTime - linger - 5*time.Second
	// turnPoll is how often those who wait look.
	turnPoll = 100 * time.Millisecond
)

// alone calls do while no other instance and no other call of this one does, so that a refresh token is used once. A
// turn that was not given back, since its process died, ends after turnTime.
func (v vault) alone(ctx context.Context, do func(ctx context.Context) error) error {
	if v.documents == nil {
		return errNoDocuments
	}
	mine := []byte(rand.Text())
	defer v.giveBack(ctx, mine)
	if err := v.takeTurn(ctx, mine); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, workTime)
	defer cancel()
	return do(ctx)
}

// leftTurns are those that could not be given back, as the store was away.
type leftTurns struct {
	mu   sync.Mutex // guards the following
	list [][]byte
}

func (l *leftTurns) take() [][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.list
	l.list = nil
	return list
}

func (l *leftTurns) add(turn []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, turn)
}

// giveBack ends a turn, also after its call was cut off: others wait for it.
func (v vault) giveBack(ctx context.Context, turn []byte) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if _, err := v.documents.SwapDocument(ctx, audit.DocumentSwap{Tenant: v.tenant, Kind: kindTurn, Old: turn}); err != nil {
		v.left.add(turn)
	}
}

func (v vault) takeTurn(ctx context.Context, mine []byte) error {
	again := time.NewTicker(turnPoll)
	defer again.Stop()
	for {
		took, err := v.documents.SwapDocument(ctx, audit.DocumentSwap{Tenant: v.tenant, Kind: kindTurn, New: mine, Keep: turnTime})
		if took || err != nil {
			return err
		}
		for _, turn := range v.left.take() {
			v.giveBack(ctx, turn)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return waited(ctx.Err())
		}
	}
}

func waited(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &audit.Fault{
		Cause: audit.CauseTimeout, Scope: audit.OfTenant, Hint: "nothing: it is tried again by itself",
		Err: fmt.Errorf("wait for another instance to renew the sign-in: %w", err),
	}
}
