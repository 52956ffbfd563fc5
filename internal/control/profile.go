package control

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"o365-kafka-connector/internal/audit"
)

const (
	profileVersion = 1
	// maxProfile bounds what a member says of itself. The broker keeps all members' profiles in one record, which has
	// to fit in 1 MB: some 12,000 tenants at most, counted once for each member.
	maxProfile = 512 << 10
	// maxHeld is more partitions than a topic has.
	maxHeld = 1 << 16
)

// profile is what a member tells the group about itself when it joins, as the user data of its protocol. The leader
// shares the partitions out by it, and every member's view of the group comes from it.
type profile struct {
	Version  int       `json:"v"`
	Instance string    `json:"instance"`
	Host     string    `json:"host,omitempty"`
	Since    time.Time `json:"since"` // when the process began to be a member
	// Generation is the last one that the process was in, Held are the partitions that it had there.
	Generation int32       `json:"generation,omitempty"`
	Held       []int       `json:"held,omitempty"`
	Streams    []streamSet `json:"streams,omitempty"`
	// Release is the connector's version; members of one release compare Settings, digests of them by name.
	Release  string            `json:"release,omitempty"`
	Settings map[string]string `json:"settings,omitempty"`
}

// streamSet are all combinations of tenants and content types: most tenants have the same ones.
type streamSet struct {
	Types   []audit.ContentType `json:"types"`
	Tenants []string            `json:"tenants"`
}

// newStreamSets writes stream keys in few words. The order of the keys does not matter.
func newStreamSets(keys []string) []streamSet {
	byTenant := map[string][]string{}
	for _, key := range keys {
		tenant, contentType, _ := strings.Cut(key, "/")
		byTenant[tenant] = append(byTenant[tenant], contentType)
	}
	byTypes := map[string][]string{}
	for tenant, types := range byTenant {
		slices.Sort(types)
		all := strings.Join(slices.Compact(types), " ")
		byTypes[all] = append(byTypes[all], tenant)
	}
	var out []streamSet
	for _, all := range slices.Sorted(maps.Keys(byTypes)) {
		s := streamSet{Tenants: byTypes[all]}
		for t := range strings.FieldsSeq(all) {
			s.Types = append(s.Types, audit.ContentType(t))
		}
		slices.Sort(s.Tenants)
		out = append(out, s)
	}
	return out
}

// keys returns the keys of the streams that the member is configured for, sorted.
func (p profile) keys() []string {
	var out []string
	for _, set := range p.Streams {
		for _, tenant := range set.Tenants {
			for _, t := range set.Types {
				out = append(out, strings.ToLower(tenant)+"/"+string(t))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (p profile) encode() ([]byte, error) {
	p.Version = profileVersion
	data, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode what this member tells the group: %w", err)
	}
	if len(data) > maxProfile {
		return nil, fmt.Errorf("tell the group of this member's streams: %d bytes are more than the %d that a broker keeps: "+
			"share the tenants out among deployments with a control.group_id of their own", len(data), maxProfile)
	}
	return data, nil
}

// decodeProfile reads what another member told, which may be of another version or no connector at all.
func decodeProfile(data []byte) (profile, error) {
	if len(data) > maxProfile {
		return profile{}, fmt.Errorf("decode what a member tells the group: %d bytes are too many", len(data))
	}
	var p profile
	if err := json.Unmarshal(data, &p); err != nil {
		return profile{}, fmt.Errorf("decode what a member tells the group: %w", err)
	}
	if err := p.check(); err != nil {
		return profile{}, fmt.Errorf("decode what a member tells the group: %w", err)
	}
	return p, nil
}

func (p profile) check() error {
	if p.Version != profileVersion {
		return fmt.Errorf("version %d is unknown here: run the same version everywhere", p.Version)
	}
	if len(p.Instance) > maxField || len(p.Host) > maxField {
		return errors.New("a name is too long")
	}
	if len(p.Held) > maxHeld || slices.ContainsFunc(p.Held, func(n int) bool { return n < 0 || n >= maxHeld }) {
		return errors.New("the partitions are none")
	}
	if len(p.Settings) > maxField || len(p.Release) > maxField {
		return errors.New("there are too many settings")
	}
	known := audit.ContentTypes()
	for _, set := range p.Streams {
		if len(set.Types) > len(known) {
			return errors.New("there are too many content types")
		}
		for _, t := range set.Types {
			if !slices.Contains(known, t) {
				return fmt.Errorf("content type %s is unknown here", quote(string(t)))
			}
		}
		if slices.ContainsFunc(set.Tenants, func(id string) bool { return id == "" || len(id) > maxField || strings.Contains(id, "/") }) {
			return errors.New("a tenant has no proper id")
		}
	}
	return nil
}

// streamOf is the reverse of streamKey, without the tenant's name.
func streamOf(key string) audit.Stream {
	tenant, contentType, _ := strings.Cut(key, "/")
	return audit.Stream{Tenant: audit.Tenant{ID: tenant}, ContentType: audit.ContentType(contentType)}
}

// keysOf returns the streams' keys, sorted and without repetition.
func keysOf(streams []audit.Stream) []string {
	var out []string
	for _, s := range streams {
		out = append(out, streamKey(s))
	}
	slices.SortFunc(out, cmp.Compare)
	return slices.Compact(out)
}
