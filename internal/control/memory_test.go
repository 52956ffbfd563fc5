package control

import (
	"context"
	"sync"
	"time"
)

// memory is the Answers of tests.
type memory struct {
	mu      sync.Mutex // guards the following
	claims  map[string]claim
	answers map[string][][]byte
	ages    map[string]time.Duration
	down    error
}

type claim struct {
	token string
	until time.Time
}

func newMemory() *memory {
	return &memory{claims: map[string]claim{}, answers: map[string][][]byte{}, ages: map[string]time.Duration{}}
}

func (m *memory) BeginAnswer(_ context.Context, id, token string, lease time.Duration) ([][]byte, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return nil, "", m.down
	}
	if a, ok := m.answers[id]; ok {
		return a, answerDone, nil
	}
	if c, ok := m.claims[id]; ok && c.token != token && time.Now().Before(c.until) {
		return nil, answerRunning, nil
	}
	m.claims[id] = claim{token, time.Now().Add(lease)}
	return nil, answerNew, nil
}

func (m *memory) FinishAnswer(_ context.Context, id string, answer [][]byte, ttl time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	if _, ok := m.answers[id]; !ok {
		m.answers[id], m.ages[id] = answer, ttl
	}
	return nil
}

func (m *memory) AbandonAnswer(_ context.Context, id, token string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.claims[id].token == token {
		delete(m.claims, id)
	}
	return m.down
}

func (m *memory) setDown(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = err
}
