package control

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
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
	leavePause   = 100 * time.Millisecond // between looks for this process's own joining
	leaveTimeout = 3 * time.Second        // of one attempt to take a dead member out of the group
)

// leavePredecessor takes members out of the group that an earlier process of this instance has left behind: each would
// hold up the others for its session. It waits until this process is seen to join, because a group that is empty for
// a moment waits for more members to come (group.initial.rebalance.delay.ms), and happens only once, so that
// two living processes of the same name do not throw each other out for ever.
func (g *Group) leavePredecessor(ctx context.Context) {
	told := false
	for ctx.Err() == nil {
		joined, err := g.tryLeavePredecessor(ctx)
		switch {
		case err == nil && joined:
			return
		case err != nil && !told && ctx.Err() == nil:
			g.log.Warn("members that an earlier process left behind cannot be taken out of the group yet", "error", err,
				"hint", "nothing to do: else they end with their session")
			told = true
		}
		if sleep(ctx, leavePause) != nil {
			return
		}
	}
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
	g.log.Info("an earlier process of this instance is taken out of the group", "instance", g.options.Instance, "members", dead)
	return true, g.takeOut(ctx, dead)
}

// leaveOwn takes out what this process itself has left behind: Kafka's client forgets its member id when a request
// fails, and then joins as somebody new. It is called when the client holds no id, right before it joins.
func (g *Group) leaveOwn(ctx context.Context) {
	if !g.forgotten.Swap(false) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	v, err := g.roster.describe(ctx)
	if err != nil {
		return // joining fails for the same reason, and then this comes again
	}
	var dead []string
	for _, m := range v.members {
		if m.token == g.token {
			dead = append(dead, m.MemberID)
		}
	}
	if len(dead) == 0 {
		return
	}
	g.log.Info("a former membership of this process is taken out of the group", "instance", g.options.Instance, "members", dead)
	if err := g.takeOut(ctx, dead); err != nil {
		g.log.Warn("a former membership of this process stays in the group", "error", err, "hint", "nothing to do: it ends with its session")
	}
}

// takeOut has members leave. Those that are gone already are no error.
func (g *Group) takeOut(ctx context.Context, ids []string) error {
	req := &kafka.LeaveGroupRequest{GroupID: g.config.GroupID}
	for _, id := range ids {
		req.Members = append(req.Members, kafka.LeaveGroupRequestMember{ID: id})
	}
	res, err := g.options.Conn.Client.LeaveGroup(ctx, req)
	if err != nil {
		return err
	}
	errs := []error{res.Error}
	for _, m := range res.Members {
		if !errors.Is(m.Error, kafka.UnknownMemberId) {
			errs = append(errs, m.Error)
		}
	}
	return errors.Join(errs...)
}
