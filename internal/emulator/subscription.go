package emulator

import (
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"
)

// subscription is the switch that makes a stream produce content.
type subscription struct {
	enabled bool
	known   bool // was started once
	webhook *webhook
	started time.Time // last asked for
	stopped time.Time
	gaps    []gap
}

type webhook struct {
	Status     string  `json:"status"`
	Address    string  `json:"address"`
	AuthID     string  `json:"authId"`
	Expiration *string `json:"expiration"`
}

// gap is a time without a subscription, between a stop and the next start: its content is never to be had.
type gap struct{ from, to time.Time }

type subscriptions struct {
	mu  sync.Mutex
	all map[*stream]*subscription
}

func newSubscriptions(streams []*stream, enabled bool) *subscriptions {
	s := &subscriptions{all: map[*stream]*subscription{}}
	for _, st := range streams {
		s.all[st] = &subscription{enabled: enabled, known: enabled}
	}
	return s
}

func (s *subscriptions) gapsOf(st *stream) []gap {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.all[st]
	gaps := append([]gap(nil), sub.gaps...)
	if sub.known && !sub.enabled {
		gaps = append(gaps, gap{sub.stopped, sub.stopped.AddDate(100, 0, 0)})
	}
	return gaps
}

// check answers for an operation that needs an enabled subscription.
func (s *subscriptions) check(st *stream) *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch sub := s.all[st]; {
	case !sub.known:
		return noSubscription()
	case !sub.enabled:
		return fail(http.StatusBadRequest, "AF20023", "The subscription was disabled.")
	default:
		return nil
	}
}

func noSubscription() *apiError {
	return fail(http.StatusBadRequest, "AF20022", "No subscription found for the specified content type.")
}

func (c *call) serveStart() *apiError {
	hook, bad := c.readWebhook()
	if bad != nil {
		return bad
	}
	state, refused := c.e.subscriptions.start(c, hook)
	if refused != nil {
		return refused
	}
	return c.sendJSON(state)
}

func (s *subscriptions) start(c *call, hook *webhook) (any, *apiError) {
	throttle := c.fire(StartThrottle)
	now := c.e.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.all[c.stream()]
	if throttle != nil && !sub.started.IsZero() {
		if wait := sub.started.Add(orDefault(throttle.Delay, 15*time.Minute)).Sub(now); wait > 0 {
			return nil, startThrottled(wait)
		}
	}
	sub.started = now
	if sub.enabled && hook == nil && sub.webhook == nil {
		return nil, fail(http.StatusBadRequest, "AF20024", "The subscription is already enabled. No property change.")
	}
	if sub.known && !sub.enabled {
		sub.gaps = append(sub.gaps, gap{sub.stopped, now})
	}
	sub.enabled, sub.known, sub.webhook = true, true, hook
	return subscriptionState(c.contentType, sub), nil
}

// readWebhook reads the body of a start. Nobody calls the webhook.
func (c *call) readWebhook() (*webhook, *apiError) {
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, 1<<20))
	if err != nil || len(body) == 0 {
		return nil, nil
	}
	var request struct{ Webhook *webhook }
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, invalidParameter("webhook", "object")
	}
	hook := request.Webhook
	if hook == nil {
		return nil, nil
	}
	if len(hook.Address) < 8 || hook.Address[:8] != "https://" {
		return nil, fail(http.StatusBadRequest, "AF20021", "The webhook endpoint (%s) could not be validated. The address must begin with HTTPS.", hook.Address)
	}
	if e := hook.Expiration; e != nil && *e != "" {
		if t, err := parseTime(*e); err == nil && t.Before(c.e.now()) {
			return nil, fail(http.StatusBadRequest, "AF20003", "Expiration %s provided is set to past date and time.", *e)
		}
	}
	hook.Status = "enabled"
	return hook, nil
}

func (c *call) serveStop() *apiError {
	if !c.e.subscriptions.stop(c.stream(), c.e.now()) {
		return noSubscription()
	}
	return c.send(bytesAnswer(nil))
}

// stop answers false if there never was a subscription.
func (s *subscriptions) stop(st *stream, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.all[st]
	if sub.enabled {
		sub.enabled, sub.webhook, sub.stopped = false, nil, now
	}
	return sub.known
}

func (c *call) serveSubscriptions() *apiError {
	s := c.e.subscriptions
	s.mu.Lock()
	list := []any{}
	for _, st := range c.e.order {
		if sub := s.all[st]; st.tenant == c.tenant && sub.known {
			list = append(list, subscriptionState(st.contentType, sub))
		}
	}
	s.mu.Unlock()
	return c.sendJSON(list)
}

func subscriptionState(contentType string, sub *subscription) any {
	status := "enabled"
	if !sub.enabled {
		status = "disabled"
	}
	return struct {
		ContentType string   `json:"contentType"`
		Status      string   `json:"status"`
		Webhook     *webhook `json:"webhook"`
	}{contentType, status, sub.webhook}
}

func (c *call) sendJSON(v any) *apiError {
	body, err := json.Marshal(v)
	if err != nil {
		return internalError(&Fault{})
	}
	return c.send(bytesAnswer(body))
}
