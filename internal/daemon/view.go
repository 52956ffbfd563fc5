package daemon

import (
	"context"
	"slices"
	"sync"
	"time"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/checkpoint"
	"o365-kafka-connector/internal/control"
	"o365-kafka-connector/internal/pipeline"
	"o365-kafka-connector/internal/telemetry"
)

const (
	viewAge  = 2 * time.Second // owners write their status lines as often
	viewWait = time.Second     // for a store or broker that is slow
)

// view is the status of the whole group: what this process runs as it knows it, the rest as its owners tell.
type view struct {
	board    *pipeline.Board
	instance string

	mu     sync.Mutex // guards the following, also while it asks
	store  checkpoint.Operator
	roster *control.Roster
	others map[string]audit.StreamStatus // by key, of streams that run elsewhere or nowhere
	silent bool                          // the store gave no answer the last time
	asked  time.Time
}

// watch has the view ask the store from now on.
func (v *view) watch(store checkpoint.Operator) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.store = store
}

func (v *view) join(r *control.Roster) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.roster = r
}

// members returns the processes of the group; false if there is no group, or it cannot be asked.
func (v *view) members() ([]telemetry.Member, bool) {
	v.mu.Lock()
	roster := v.roster
	v.mu.Unlock()
	if roster == nil {
		return nil, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), viewWait)
	defer cancel()
	list, err := roster.Overview(ctx)
	if err != nil || len(list) == 0 { // the check of the group in /readyz tells of it
		return nil, false
	}
	out := make([]telemetry.Member, 0, len(list))
	for _, m := range list {
		out = append(out, telemetry.Member{ID: m.Instance, Host: m.Host, Since: m.Since, Streams: m.Streams})
	}
	return out, true
}

// problems returns what is wrong with the group; nothing if there is none, or it cannot be asked.
func (v *view) problems() []string {
	v.mu.Lock()
	roster := v.roster
	v.mu.Unlock()
	if roster == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), viewWait)
	defer cancel()
	list, err := roster.Problems(ctx)
	if err != nil { // as with members
		return nil
	}
	return list
}

// streams returns the status of every stream that this process is configured for.
func (v *view) streams() []audit.StreamStatus {
	list := v.board.Snapshot()
	var away []audit.Stream
	for _, s := range list {
		if s.State == audit.StateUnowned {
			away = append(away, streamOf(s))
		}
	}
	others, silent := v.ask(away)
	for i, s := range list {
		if told, ok := others[streamOf(s).Key()]; ok && s.State == audit.StateUnowned && told.Owner != v.instance {
			if told.State == audit.StateUnowned && told.LastError == nil { // we may be the one who cannot take it
				told.LastError = s.LastError
			}
			list[i] = told
		}
	}
	if silent {
		v.nameOwners(list)
	}
	return list
}

// nameOwners says of streams that seem to be nobody's, only because the store gives no answer, who runs them: the group
// knows. Without the store they fail wherever they run.
func (v *view) nameOwners(list []audit.StreamStatus) {
	members, _ := v.members()
	for i, s := range list {
		if s.State != audit.StateUnowned {
			continue
		}
		owner := slices.IndexFunc(members, func(m telemetry.Member) bool {
			return m.ID != v.instance && slices.Contains(m.Streams, streamOf(s).Key())
		})
		if owner >= 0 {
			list[i].State, list[i].Owner = audit.StateFailing, members[owner].ID
		}
	}
}

func streamOf(s audit.StreamStatus) audit.Stream {
	return audit.Stream{Tenant: audit.Tenant{ID: s.Tenant, Name: s.TenantName}, ContentType: s.ContentType}
}

// ask returns what the store knows of streams. Its last answer counts for a moment, and while it is silent.
func (v *view) ask(streams []audit.Stream) (others map[string]audit.StreamStatus, silent bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.roster == nil || len(streams) == 0 {
		return nil, false
	}
	fresh := time.Since(v.asked) < viewAge && !slices.ContainsFunc(streams, func(s audit.Stream) bool {
		_, ok := v.others[s.Key()]
		return !ok
	})
	if fresh {
		return v.others, v.silent
	}
	ctx, cancel := context.WithTimeout(context.Background(), viewWait)
	defer cancel()
	list, err := v.store.Statuses(ctx, streams)
	v.asked, v.silent = time.Now(), err != nil
	if err != nil { // the checks of /readyz and the streams tell of it
		return v.others, true
	}
	v.others = map[string]audit.StreamStatus{}
	for i, s := range streams {
		v.others[s.Key()] = list[i]
	}
	return v.others, false
}
