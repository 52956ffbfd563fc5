package command

import (
	"context"
	"strings"
	"time"

	"o365-kafka-connector/internal/control"
)

// membersWait is how long a broker may take to say who is in the group: what the store tells is more urgent.
const membersWait = 5 * time.Second

// member is a process of the group, as /api/status tells it.
type member struct {
	ID      string    `json:"id"`
	Host    string    `json:"host"`
	Since   time.Time `json:"since"`
	Streams []string  `json:"streams"`
}

// addMembers adds the group's processes to a status, and returns them as text. A broker that does not answer is told of
// and makes nothing else wrong.
func (c *call) addMembers(ctx context.Context, status map[string]any) string {
	ctx, cancel := context.WithTimeout(ctx, membersWait)
	defer cancel()
	list, err := c.options.Members(ctx)
	if err != nil {
		return "\nWho is in the group is not known: " + err.Error() + "\n"
	}
	members := []member{}
	out := &table{title: "Members", columns: []string{"Instance", "Host", "Since", "Streams"}}
	for _, m := range list {
		members = append(members, member{ID: m.Instance, Host: m.Host, Since: m.Since, Streams: append([]string{}, m.Streams...)})
		out.add(m.Instance, m.Host, stamp(m.Since), strings.Join(c.named(m), ", "))
	}
	status["members"] = members
	problems, err := c.options.Problems(ctx)
	if err != nil {
		problems = []string{"What is wrong with the group is not known: " + err.Error()}
	}
	text := "\n" + out.String()
	if len(problems) > 0 {
		status["problems"] = problems
		text += "\n" + strings.Join(problems, "\n") + "\n"
	}
	return text
}

// named are a member's streams as people call them.
func (c *call) named(m control.Member) []string {
	var out []string
	for _, key := range m.Streams {
		id, contentType, _ := strings.Cut(key, "/")
		for _, t := range c.options.Config.Tenants {
			if t.ID == id {
				key = t.Name + "/" + contentType
			}
		}
		out = append(out, key)
	}
	return out
}
