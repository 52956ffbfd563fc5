package emulator

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
)

// maker invents records.
type maker struct {
	random *rand.Rand
	zipf   *rand.Zipf
	tenant string
	domain string
	users  []person
}

type person struct{ name, upn, key string }

const population = 200

var (
	firstNames = []string{"Adele", "Björn", "Zoë", "Megan", "Renée", "Łukasz", "Nestor", "Þóra", "Isaiah", "Chloé", "Lynne", "美咲", "Jordan", "Ελένη", "Debra", "Иван"}
	lastNames  = []string{"Vance", "Møller", "O'Brien", "Bowen", "García", "Kowalski", "Wilke", "Sánchez", "Langer", "渡辺", "Robbins", "Weiß"}
	accounts   = []string{"adelev", "bjoern.moeller", "zoe", "meganb", "renee.g", "lukasz", "nestor.w", "thora", "isaiahl", "chloe", "lynner", "misaki", "jordan.m", "eleni", "debrab", "ivan"}
)

func newMaker(s *stream) *maker {
	m := &maker{random: rand.New(rand.NewPCG(s.key, 7)), tenant: s.tenant.ID}
	m.zipf = rand.NewZipf(m.random, 1.3, 4, population-1)
	m.domain = "contoso" + s.tenant.ID[:4] + ".onmicrosoft.com"
	people := rand.New(rand.NewPCG(hashText(s.tenant.ID), 3)) // the same in all streams of the tenant
	for i := range population {
		first := people.IntN(len(firstNames))
		m.users = append(m.users, person{
			name: firstNames[first] + " " + lastNames[people.IntN(len(lastNames))],
			upn:  fmt.Sprintf("%s%d@%s", accounts[first], i, m.domain),
			key:  fmt.Sprintf("1003%012X", people.Uint64()>>16),
		})
	}
	return m
}

// user is a person of the tenant; a few of them do most of the work.
func (m *maker) user() person { return m.users[m.zipf.Uint64()] }

func (m *maker) chance(p float64) bool { return m.random.Float64() < p }

func pick[T any](m *maker, from ...T) T { return from[m.random.IntN(len(from))] }

func (m *maker) guid() string { return guid(m.random.Uint64(), m.random.Uint64()) }

func (m *maker) v4() string {
	return pick(m, "203.0.113.", "198.51.100.", "192.0.2.", "10.90.0.") + fmt.Sprint(1+m.random.IntN(254))
}

func (m *maker) v6() string {
	return fmt.Sprintf("2001:db8:%x::%x", m.random.IntN(65536), 1+m.random.IntN(65535))
}

// address is a client's address in one of the spellings that occur.
func (m *maker) address() string {
	port := 1024 + m.random.IntN(60000)
	switch m.random.IntN(12) {
	case 0, 1, 2, 3, 4:
		return m.v4()
	case 5, 6:
		return fmt.Sprintf("%s:%d", m.v4(), port)
	case 7:
		return m.v6()
	case 8:
		return fmt.Sprintf("[%s]:%d", m.v6(), port)
	case 9:
		return "::ffff:" + m.v4()
	case 10:
		return "[" + m.v4() + "]:" + fmt.Sprint(port)
	default:
		return pick(m, "[::ffff:"+m.v4()+"]:443", "::1", "["+m.v6()+"]", "mail.contoso.example")
	}
}

// actor is who did it: mostly a person, else what the service puts there.
type actor struct {
	id, key string
	kind    int // UserType
}

func (m *maker) actor() actor {
	if m.chance(0.85) {
		u := m.user()
		return actor{u.upn, u.key, pick(m, 0, 0, 0, 0, 2, 10)}
	}
	return pick(
		m,
		actor{`NT AUTHORITY\SYSTEM (Microsoft.Exchange.ServiceHost)`, `NT AUTHORITY\SYSTEM (Microsoft.Exchange.ServiceHost)`, 3},
		actor{"ServicePrincipal_" + m.guid(), "Not Available", 4},
		actor{`SHAREPOINT\system`, "S-1-0-0", 4},
		actor{"app@sharepoint", "i:0i.t|00000003-0000-0ff1-ce00-000000000000|app@sharepoint", 5},
		actor{"S-1-5-18", "", 4},
		actor{m.guid(), m.guid(), 6},
	)
}

// head is what every record begins with.
type head struct {
	kind      int // RecordType
	workload  string
	operation string
	object    string
	result    string // empty: no ResultStatus
	ip        string // empty: no ClientIP
	who       actor
}

func (m *maker) common(h head) object {
	if h.who.id == "" {
		h.who = m.actor()
	}
	o := object{
		{"CreationTime", markTime + m.timeEnd()},
		{"Id", markID},
		{"Operation", h.operation},
		{"OrganizationId", m.tenant},
		{"RecordType", m.recordType(h.kind)},
	}
	if h.result != "" || m.chance(0.05) {
		o = append(o, field{"ResultStatus", h.result})
	}
	o = append(o, object{
		{"UserKey", h.who.key}, {"UserType", h.who.kind}, {"Version", 1}, {"Workload", h.workload},
	}...)
	if ip, ok := m.clientIP(h.ip); ok {
		o = append(o, field{"ClientIP", ip})
	}
	if h.object != "" {
		o = append(o, field{"ObjectId", h.object})
	}
	return append(o, field{"UserId", h.who.id})
}

// timeEnd is what follows the seconds: mostly nothing.
func (m *maker) timeEnd() string {
	if m.chance(0.9) {
		return ""
	}
	return pick(m, "Z", ".123", ".4567891Z", "+00:00")
}

func (m *maker) recordType(kind int) any {
	if m.chance(0.02) {
		return fmt.Sprint(kind)
	}
	return kind
}

// clientIP is mostly what was given, and sometimes missing, null or empty.
func (m *maker) clientIP(ip string) (any, bool) {
	switch {
	case ip == "" && m.chance(0.1):
		return pick[any](m, "", nil, "<null>"), true
	case ip == "":
		return nil, false
	case m.chance(0.15):
		return nil, false
	}
	return ip, true
}

// big is an integer that no float64 holds.
func (m *maker) big() json.Number {
	return json.Number(fmt.Sprint(int64(9007199254740993 + m.random.Uint64()>>10)))
}

// weighted is a way to make a record, and how often it is taken.
type weighted struct {
	weight int
	make   func(*maker) object
}

var recordKinds map[string][]weighted

func init() {
	recordKinds = map[string][]weighted{
		Entra: entraRecords, Exchange: exchangeRecords, SharePoint: sharePointRecords, General: generalRecords, DLP: dlpRecords,
	}
}

func (m *maker) record(contentType string) object {
	all := recordKinds[contentType]
	total := 0
	for _, k := range all {
		total += k.weight
	}
	n := m.random.IntN(total)
	for _, k := range all {
		if n -= k.weight; n < 0 {
			return k.make(m)
		}
	}
	return nil
}
