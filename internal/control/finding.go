package control

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ailment is a kind of what may be wrong with a group that a person has to put right.
type ailment int

const (
	healthy ailment = iota
	unowned
	differentStreams
	differentSettings
	unreadable
	twins
	differentPartitions
)

// finding is something wrong with the group.
type finding struct {
	kind    ailment
	details []string
}

// findings returns what is wrong with a stable group. While members start and find their streams some of it is normal.
func (v view) findings(topic string, partitions int) []finding {
	var out []finding
	add := func(kind ailment, details []string) {
		if len(details) > 0 {
			out = append(out, finding{kind, details})
		}
	}
	add(unowned, keysOf(v.unowned))
	add(differentStreams, v.lacking())
	add(differentSettings, v.differing())
	add(unreadable, v.unreadable())
	add(twins, v.twins())
	if n := v.partitions(); n != partitions && len(v.members) > 0 {
		add(differentPartitions, []string{errPartitions(topic, n, partitions).Error()})
	}
	return out
}

// What is said of findings, and what is to be done.
const (
	saidUnowned    = "streams have no owner"
	saidStreams    = "members are configured for different streams"
	saidSettings   = "members have different settings"
	saidUnreadable = "members do not say what they are configured for, and are given no stream"
	saidTwins      = "several processes have the same instance id"
	saidPartitions = "control topic has another number of partitions"

	hintUnowned    = "no member is configured for all streams of their partition: give all instances the same tenants and content types"
	hintStreams    = "give all instances the same tenants and content types"
	hintSettings   = "give all instances the same configuration: what a stream delivers depends on which of them runs it"
	hintUnreadable = "run the same version everywhere, and nothing else under control.group_id"
	hintTwins      = "give each its own control.instance_id: one that starts takes the others out of the group for a moment"
)

// report logs a finding.
func (g *Group) report(f finding) {
	list := firstOf(f.details)
	switch f.kind {
	case healthy:
		g.log.Info("every stream has an owner again and the members agree")
	case unowned:
		g.log.Error(saidUnowned, "count", len(f.details), "streams", list, "hint", hintUnowned)
	case differentStreams:
		g.log.Error(saidStreams, "members", list, "hint", hintStreams)
	case differentSettings:
		g.log.Error(saidSettings, "settings", list, "hint", hintSettings)
	case unreadable:
		g.log.Error(saidUnreadable, "members", list, "hint", hintUnreadable)
	case twins:
		g.log.Error(saidTwins, "instances", list, "hint", hintTwins)
	case differentPartitions:
		g.log.Error(saidPartitions, "error", f.details[0])
	}
}

// String tells the finding to people who look at the group's status.
func (f finding) String() string {
	said := map[ailment][2]string{
		unowned: {saidUnowned, hintUnowned}, differentStreams: {saidStreams, hintStreams}, differentSettings: {saidSettings, hintSettings},
		unreadable: {saidUnreadable, hintUnreadable}, twins: {saidTwins, hintTwins}, differentPartitions: {saidPartitions, ""},
	}[f.kind]
	text := said[0] + ": " + strings.Join(firstOf(f.details), ", ")
	if said[1] != "" {
		text += ". " + strings.ToUpper(said[1][:1]) + said[1][1:]
	}
	return text
}

// firstOf keeps a list short enough to be read.
func firstOf(list []string) []string {
	const most = 20
	if len(list) <= most {
		return list
	}
	return append(slices.Clone(list[:most]), fmt.Sprintf("and %d more", len(list)-most))
}

// lacking names the members that do not know every stream that any other one knows. Those that know none are there for
// commands only, or still look what is enabled.
func (v view) lacking() []string {
	all := map[string]bool{}
	for _, m := range v.members {
		for _, key := range m.known {
			all[key] = true
		}
	}
	var out []string
	for _, m := range v.members {
		if n := len(all) - len(m.known); n > 0 && len(m.known) > 0 && m.invalid == nil {
			out = append(out, fmt.Sprintf("%s lacks %d of %d streams", m.Instance, n, len(all)))
		}
	}
	return out
}

func (v view) unreadable() []string {
	var out []string
	for _, m := range v.members {
		if m.invalid != nil {
			out = append(out, fmt.Sprintf("%s at %s: %v", clip(m.MemberID), m.Host, m.invalid))
		}
	}
	return out
}

// twins names the instances that are there more than once.
func (v view) twins() []string {
	seen := map[string]int{}
	var out []string
	for _, m := range v.members {
		if m.token == "" {
			continue
		}
		if seen[m.Instance]++; seen[m.Instance] == 2 {
			out = append(out, m.Instance)
		}
	}
	return out
}

// partitions counts those that were given out: all that the topic has.
func (v view) partitions() int {
	n := 0
	for _, m := range v.members {
		n += len(m.Partitions)
	}
	return n
}

// differing names the settings that members of one release have differently. Members that know different streams are not
// compared: that comes first, and most settings are those of tenants.
func (v view) differing() []string {
	peers := map[string][]viewed{}
	for _, m := range v.members {
		if len(m.known) > 0 {
			like := m.release + "\n" + strings.Join(m.known, "\n")
			peers[like] = append(peers[like], m)
		}
	}
	var out []string
	for _, like := range slices.Sorted(maps.Keys(peers)) {
		out = append(out, differences(peers[like])...)
	}
	return out
}

// differences names the settings that not all of the members have alike, and who does.
func differences(members []viewed) []string {
	alike := map[string]map[string][]string{} // instances by digest, by setting
	for _, m := range members {
		for name, digest := range m.settings {
			if alike[name] == nil {
				alike[name] = map[string][]string{}
			}
			alike[name][digest] = append(alike[name][digest], m.Instance)
		}
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(alike)) {
		if len(alike[name]) < 2 {
			continue
		}
		var camps []string
		for _, instances := range alike[name] {
			camps = append(camps, strings.Join(firstOf(instances), " and "))
		}
		slices.Sort(camps)
		out = append(out, name+" of "+strings.Join(camps, " unlike "))
	}
	return out
}
