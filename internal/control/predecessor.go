package control

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/txn"
)

// clientPrefix begins the client id of every member: "o365-kafka-connector/<instance>/<token of the process>". The
// broker tells it of all members at any time, also of those that are still joining.
const clientPrefix = "o365-kafka-connector/"

// clientID names a process to the broker, so that it can be found there by what comes after it.
func clientID(instance, token string) string {
	return clientPrefix + url.PathEscape(instance) + "/" + token
}

// parseClientID is the reverse of clientID.
func parseClientID(id string) (instance, token string, ok bool) {
	rest, ok := strings.CutPrefix(id, clientPrefix)
	escaped, token, cut := strings.Cut(rest, "/")
	if !ok || !cut || strings.Contains(token, "/") {
		return "", "", false
	}
	instance, err := url.PathUnescape(escaped)
	return instance, token, err == nil && instance != "" && token != ""
}

const (
	leavePause   = 100 * time.Millisecond // between attempts
	leaveTimeout = 3 * time.Second        // of one attempt to take a predecessor out of the group
	ownTimeout   = 4 * time.Second        // of all attempts to take a former membership out, while joining waits
)

// leavePredecessor takes members out of the group that an earlier process of this instance has left behind: each would
// hold up the others for its session. It waits until this process is seen to join, because a group that is empty for
// a moment waits for more members to come (group.initial.rebalance.delay.ms), and happens only once, so that
// two living processes of the same name do not throw each other out for ever.
func (g *Group) leavePredecessor(ctx context.Context) {
	told := false
	pace := txn.Pace()
	for began := time.Now(); ctx.Err() == nil; {
		joined, err := g.tryLeavePredecessor(ctx)
		if err == nil && joined {
			return
		}
		if err != nil && !told && !passing(err) && ctx.Err() == nil {
			g.log.Warn("members that an earlier process left behind cannot be taken out of the group yet", "error", err,
				"hint", "nothing to do: else they end with their session")
			told = true
		}
		wait := leavePause
		if err != nil || time.Since(began) > g.config.SessionTimeout.D() { // what was left behind has ended by itself
			wait = pace.NextBackOff()
		}
		if sleep(ctx, wait) != nil {
			return
		}
	}
}

// passing reports whether a broker is only not ready yet.
func passing(err error) bool {
	p, ok := errors.AsType[*broker.Problem](err)
	return ok && p.Kind == broker.Passing
}

func (g *Group) tryLeavePredecessor(ctx context.Context) (joined bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	v, err := g.roster.describe(ctx)
	if err != nil {
		return false, err
	}
	var dead []string
	for _, m := range v.members {
		switch {
		case m.token == g.token:
			joined = true
		case m.Instance == g.options.Instance && m.token != "":
			dead = append(dead, m.MemberID)
		}
	}
	if !joined || len(dead) == 0 {
		return joined, nil
	}
	g.log.Info("earlier process of this instance is taken out of the group", "instance", g.options.Instance, "members", dead)
	return true, g.takeOut(ctx, g.options.Conn, dead)
}

// leaveOwn takes out what this process itself has left behind: Kafka's client forgets its member id when a request
// fails, and then joins as somebody new. It is called when the client holds no id, right before it joins, and gives up
// after a while: what stays ends with its session.
func (g *Group) leaveOwn(ctx context.Context) {
	if !g.forgotten.Swap(false) {
		return
	}
	conn := anew(g.options.Conn)
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, ownTimeout)
	defer cancel()
	for {
		err := g.tryLeaveOwn(ctx, conn)
		if err == nil {
			return
		}
		if sleep(ctx, leavePause) != nil {
			g.log.Warn("former membership of this process may stay in the group", "error", err, "hint", "nothing to do: it ends with its session")
			return
		}
	}
}

func (g *Group) tryLeaveOwn(ctx context.Context, conn *broker.Conn) error {
	v, err := NewRoster(g.config, conn).describe(ctx)
	if err != nil {
		return err
	}
	// A coordinator that has just taken over may not show its members yet.
	dead := g.formerID()
	for _, m := range v.members {
		if m.token == g.token && !slices.Contains(dead, m.MemberID) {
			dead = append(dead, m.MemberID)
		}
	}
	if len(dead) == 0 {
		return nil
	}
	g.log.Info("former membership of this process is taken out of the group", "instance", g.options.Instance, "members", dead)
	return g.takeOut(ctx, conn, dead)
}

// formerID returns the member id of the last generation.
func (g *Group) formerID() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.heldAs == "" {
		return nil
	}
	return []string{g.heldAs}
}

// anew returns the same connections with nothing in them. After a broker has died the others know for some seconds
// where everything used to be.
func anew(c *broker.Conn) *broker.Conn {
	old := c.Transport
	t := &kafka.Transport{
		Dial: old.Dial, DialTimeout: old.DialTimeout, IdleTimeout: old.IdleTimeout, ClientID: old.ClientID, TLS: old.TLS, SASL: old.SASL,
	}
	out := *c
	out.Transport, out.Client = t, &kafka.Client{Addr: c.Addr, Transport: t}
	return &out
}

// takeOut has members leave. Those that are gone already are no error.
func (g *Group) takeOut(ctx context.Context, conn *broker.Conn, ids []string) error {
	req := &kafka.LeaveGroupRequest{GroupID: g.config.GroupID}
	for _, id := range ids {
		req.Members = append(req.Members, kafka.LeaveGroupRequestMember{ID: id})
	}
	res, err := conn.Client.LeaveGroup(ctx, req)
	if err != nil {
		return err
	}
	errs := []error{res.Error}
	for _, m := range res.Members {
		errs = append(errs, m.Error)
	}
	errs = slices.DeleteFunc(errs, func(err error) bool { return errors.Is(err, kafka.UnknownMemberId) })
	return errors.Join(errs...)
}
