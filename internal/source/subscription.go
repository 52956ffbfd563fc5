package source

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"o365-kafka-connector/internal/audit"
)

// Subscription is a content type's subscription as Microsoft lists it.
type Subscription struct {
	ContentType audit.ContentType // in Microsoft's spelling; a type that is unknown here as it was listed
	Status      string            // enabled or disabled
	Webhook     *Webhook          // nil if there is none
}

// Enabled reports whether the subscription produces content. One documented sample lacks the status: what is listed
// counts as enabled unless it says otherwise.
func (s Subscription) Enabled() bool { return !strings.EqualFold(s.Status, "disabled") }

// Webhook is where a subscription sends its notifications.
type Webhook struct {
	Status     string // enabled, disabled or expired
	Address    string
	Expiration string // as it was listed; empty if there is none
}

// Subscriptions lists the tenant's subscriptions, of all content types.
//
// https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-reference#list-current-subscriptions
func (c *Client) Subscriptions(ctx context.Context) ([]Subscription, error) {
	return c.subscriptions(ctx, audit.Stream{Tenant: c.tenant})
}

// Subscribed reports whether the stream's subscription is enabled.
func (c *Client) Subscribed(ctx context.Context, s audit.Stream) (bool, error) {
	all, err := c.subscriptions(ctx, s)
	if err != nil {
		return false, err
	}
	for _, one := range all {
		if one.ContentType == s.ContentType {
			return one.Enabled(), nil
		}
	}
	return false, nil
}

// Subscribe starts the stream's subscription. "Already enabled" is success.
func (c *Client) Subscribe(ctx context.Context, s audit.Stream) error {
	_, err := c.Start(ctx, s)
	return err
}

// Start starts the stream's subscription; already tells that nothing had to be done. The service accepts one start in
// 15 minutes, this kind included.
//
// https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-reference#start-a-subscription
func (c *Client) Start(ctx context.Context, s audit.Stream) (already bool, err error) {
	err = c.post(ctx, s, OperationStart, "/subscriptions/start")
	if refused, ok := errors.AsType[*APIError](err); ok && refused.Code == "AF20024" {
		return true, nil
	}
	return false, err
}

// Stop stops the stream's subscription: what becomes available until the next start can never be read. A stream
// without a subscription is a fault with cause CauseSubscription.
//
// https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-reference#stop-a-subscription
func (c *Client) Stop(ctx context.Context, s audit.Stream) error {
	return c.post(ctx, s, OperationStop, "/subscriptions/stop")
}

func (c *Client) post(ctx context.Context, s audit.Stream, operation, path string) error {
	a, err := c.do(ctx, call{
		operation: operation, stream: s, method: http.MethodPost, deadline: c.timeout,
		url: c.address.operation(path, url.Values{"contentType": {string(s.ContentType)}}),
	})
	if err != nil {
		return err
	}
	defer a.close()
	answer, err := io.ReadAll(io.LimitReader(a, maxRefusal))
	if err != nil {
		return err
	}
	if r := a.refusal(answer); r.code != "" {
		r.operation, r.status, r.header = operation, http.StatusOK, a.header
		return r.fault(c.Now())
	}
	return nil
}

func (c *Client) subscriptions(ctx context.Context, s audit.Stream) ([]Subscription, error) {
	a, err := c.do(ctx, call{
		operation: OperationSubscriptions, stream: s, method: http.MethodGet, deadline: c.timeout,
		url: c.address.operation("/subscriptions/list", url.Values{}),
	})
	if err != nil {
		return nil, err
	}
	defer a.close()
	var out []Subscription
	for list := newArray(a, c); ; {
		var item listedSubscription
		more, err := list.next(&item)
		if err != nil {
			return nil, err
		}
		if !more {
			return out, nil
		}
		out = append(out, item.subscription())
	}
}

// listedSubscription is an element of the list of subscriptions.
type listedSubscription struct {
	ContentType text `json:"contentType"`
	Status      text `json:"status"`
	Webhook     *struct {
		Status     text `json:"status"`
		Address    text `json:"address"`
		Expiration text `json:"expiration"`
	} `json:"webhook"`
}

func (l listedSubscription) subscription() Subscription {
	s := Subscription{ContentType: audit.ContentType(l.ContentType), Status: string(l.Status)}
	if known, err := audit.ParseContentType(string(l.ContentType)); err == nil {
		s.ContentType = known
	}
	if l.Webhook != nil {
		s.Webhook = &Webhook{
			Status: string(l.Webhook.Status), Address: string(l.Webhook.Address), Expiration: string(l.Webhook.Expiration),
		}
	}
	return s
}
