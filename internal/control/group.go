package control

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"

	"o365-kafka-connector/internal/audit"
	"o365-kafka-connector/internal/broker"
	"o365-kafka-connector/internal/txn"
)

// Handler does a command. Its id is of this command alone, also if the sender gave none. It calls emit for each part of
// the answer, from one goroutine, and has only to fill in Outcome, HumanReadable and Context; parts that are too large
// are divided. An error, best a *Refusal, becomes the last part. The context ends with the command's deadline and with
// the generation; a command that the generation's end interrupts is done again by its next owner. Commands that change
// the same stream come one after the other, unless the handler calls LetPass.
type Handler func(ctx context.Context, c Command, emit func(Reply) error) error

// Answers remembers what commands were answered, so that a repeated one has no second effect.
type Answers interface {
	// BeginAnswer claims the command with this id for the holder of a token, for the time of the lease; the same token
	// renews the claim. The state is "new", "running" if another token holds the claim, or "done" with the answer.
	BeginAnswer(ctx context.Context, id, token string, lease time.Duration) (answer [][]byte, state string, err error)
	// FinishAnswer stores an answer for a time.
	FinishAnswer(ctx context.Context, id string, answer [][]byte, ttl time.Duration) error
	// AbandonAnswer gives a claim back, if the token still holds it.
	AbandonAnswer(ctx context.Context, id, token string) error
}

// The states that Answers returns.
const (
	answerNew     = "new"
	answerRunning = "running"
	answerDone    = "done"
)

// Deployment remembers what all members of a deployment have to agree on, for as long as there are checkpoints.
type Deployment interface {
	// BindPartitions stores the number of the control topic's partitions if none is stored, and returns the stored one.
	BindPartitions(ctx context.Context, n int) (stored int, err error)
}

// Options are what a group needs besides its configuration. All are required but Host, Told, Joined, Deployment and CreateTopics.
type Options struct {
	Conn     *broker.Conn
	Instance string // unique: a process takes over from dead ones of the same name
	Host     string // shown to people; default: the address that the broker sees
	Tenants  []audit.Tenant
	// Streams are those that this member is configured for; Changed tells that there are more of them.
	Streams func() []audit.Stream
	// Run runs a stream until the context ends, and then returns within Config.Drain. If it returns earlier, it is
	// called again after a pause.
	Run     func(ctx context.Context, s audit.Stream)
	Handle  Handler
	Answers Answers
	// Deployment is nil where nothing remembers the number of partitions.
	Deployment Deployment
	// Told hears of each command that was answered, with the tenant's GUID in it.
	Told func(Command, Outcome)
	// Joined hears of each generation that this member has its share in.
	Joined func()
	// Settings are digests, by name, of what all members have to have in common: members of one Release are compared,
	// and a difference is an error in their logs and a problem in the Roster's.
	Settings     map[string]string
	Release      string
	Log          *slog.Logger
	CreateTopics bool // those that are missing
	Replication  int  // of them; -1 or 0: the broker's default
}

// Group is this process's membership. New makes it, Run runs it once.
type Group struct {
	config  Config
	options Options
	log     *slog.Logger
	signer  *Signer
	topics  *txn.Topics
	roster  *Roster
	token   string // tells this process from other ones of the same instance
	host    string
	since   time.Time
	changed chan struct{}
	work    sync.WaitGroup // everything that may outlive its generation

	mu      sync.Mutex // guards the following
	turns   map[string]chan struct{}
	current *generation
	problem error // why there is no generation

	held       []int // partitions of the last generation
	heldIn     int32
	heldAs     string   // member id
	introduced []string // keys of the streams that the group was told of

	findings  findings
	cutter    cutter
	forgotten atomic.Bool // Kafka's client holds no member id, though the broker may still know one
}

var errNotJoined = errors.New("the group has not been joined yet")

// NewGroup checks the configuration and reads the key for signatures; it sends nothing.
func NewGroup(c Config, o Options) (*Group, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("check section control: %w", err)
	}
	signer, err := NewSigner(c.HMACKeyFile)
	if err != nil {
		return nil, err
	}
	if o.Joined == nil {
		o.Joined = func() {}
	}
	if o.Told == nil {
		o.Told = func(Command, Outcome) {}
	}
	return &Group{
		config: c, options: o, log: o.Log, signer: signer, topics: txn.NewTopics(o.Conn, requestTimeout),
		roster: NewRoster(c, o.Conn), token: rand.Text(), host: o.Host, since: time.Now().UTC(),
		changed: make(chan struct{}, 1), turns: map[string]chan struct{}{}, problem: errNotJoined,
	}, nil
}

// Changed tells the group that Options.Streams returns more streams than before.
func (g *Group) Changed() {
	select {
	case g.changed <- struct{}{}:
	default:
	}
}

// Run is a member of the group until the context ends: it runs the streams of its partitions and does the commands on
// them. It creates the topics that are missing and waits while Kafka is away. An error means that the configuration
// has to be changed. When Run returns, the group has been left and no stream runs.
func (g *Group) Run(ctx context.Context) error {
	if err := g.prepareTopics(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	member, err := kafka.NewConsumerGroup(g.memberConfig(ctx))
	if err != nil {
		return fmt.Errorf("join group %s: %w", g.config.GroupID, err)
	}
	defer g.work.Wait()
	g.work.Go(func() { g.leavePredecessor(ctx) })
	defer g.leaveGroup(ctx, member)
	for {
		generation, err := member.Next(ctx)
		switch {
		case ctx.Err() != nil, errors.Is(err, kafka.ErrGroupClosed):
			return nil
		case err != nil: // passes: the member joins anew by itself
			g.trouble(err)
		default:
			generation.Start(func(ctx context.Context) { g.serve(ctx, generation) })
		}
	}
}

const (
	joinPause  = 500 * time.Millisecond // between attempts
	watchPause = 30 * time.Second       // between looks at the number of partitions
)

func (g *Group) memberConfig(ctx context.Context) kafka.ConsumerGroupConfig {
	session := g.config.SessionTimeout.D()
	dialer := *g.options.Conn.Dialer
	dialer.ClientID, dialer.DialFunc = clientID(g.options.Instance, g.token), g.cutter.through(dialer.DialFunc)
	return kafka.ConsumerGroupConfig{
		ID: g.config.GroupID, Brokers: g.options.Conn.Brokers, Dialer: &dialer,
		Topics: []string{g.config.Topic}, GroupBalancers: []kafka.GroupBalancer{balancer{func() ([]byte, error) { return g.introduce(ctx) }}},
		HeartbeatInterval: g.config.HeartbeatInterval.D(), SessionTimeout: session,
		// A rebalance waits that long for members that do not come back.
		RebalanceTimeout: session, JoinGroupBackoff: joinPause, StartOffset: kafka.FirstOffset,
		WatchPartitionChanges: true, PartitionWatchInterval: watchPause,
	}
}

// trouble tells of an error once for as long as it stays the same.
func (g *Group) trouble(err error) {
	if !errors.Is(err, kafka.RebalanceInProgress) { // after which the client goes on with its member id
		g.forgotten.Store(true)
	}
	g.mu.Lock()
	told := g.problem != nil && g.problem.Error() == err.Error()
	g.problem = err
	g.mu.Unlock()
	if told || errors.Is(err, kafka.RebalanceInProgress) {
		return
	}
	p := g.options.Conn.Explain(err, broker.About{Group: g.config.GroupID, Topic: g.config.Topic, Operations: "Read,Describe"})
	hint := p.Hint
	if errors.Is(err, kafka.InconsistentGroupProtocol) {
		hint = "another program is in the group: give the connector a control.group_id of its own"
	}
	g.log.Warn("group cannot be joined", "group", g.config.GroupID, "error", p, "hint", hint)
}

// Check returns nil while this process is a member of the group, and else why not.
func (g *Group) Check(context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.current != nil {
		return nil
	}
	return fmt.Errorf("join group %s: %w", g.config.GroupID, g.problem)
}

// Membership is what this process holds in the group. It is zero between generations.
type Membership struct {
	Instance   string
	MemberID   string
	Generation int32
	Since      time.Time
	Partitions []int
	Streams    []audit.Stream // those that run here
}

// Members tells what this process holds.
func (g *Group) Members() Membership {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.current == nil {
		return Membership{}
	}
	m := g.current.membership
	m.Partitions, m.Streams = slices.Clone(m.Partitions), slices.Clone(m.Streams)
	return m
}

// Owns reports whether the stream's commands are done and the stream is run by this process.
func (g *Group) Owns(s audit.Stream) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.current != nil && slices.Contains(g.current.membership.Partitions, Shard(s, g.config.Partitions))
}

// Drain returns how long a stream may take to end when its context has ended: by then another member may have it.
func (c Config) Drain() time.Duration {
	return min(2*time.Second, c.SessionTimeout.D()/4)
}

// turn returns what holds at most one run of the stream at a time in this process.
func (g *Group) turn(s audit.Stream) chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	key := s.Key()
	if g.turns[key] == nil {
		g.turns[key] = make(chan struct{}, 1)
	}
	return g.turns[key]
}

// tenant finds the tenant that a command names. The zero tenant stands for all of them.
func (g *Group) tenant(c Command) (audit.Tenant, error) {
	if c.Tenant == "" {
		switch {
		case len(g.options.Tenants) == 1:
			return g.options.Tenants[0], nil
		case c.Name.Reads() && c.Arguments.ContentType == "":
			return audit.Tenant{}, nil
		}
		return audit.Tenant{}, invalid("several tenants are configured: name one as tenant, by GUID or name")
	}
	i := slices.IndexFunc(g.options.Tenants, func(t audit.Tenant) bool { return isTenant(t, c.Tenant) })
	if i < 0 {
		return audit.Tenant{}, invalid("tenant " + quote(c.Tenant) + " is not configured here: use the GUID or name of one that is")
	}
	t := g.options.Tenants[i]
	t.ID = strings.ToLower(t.ID)
	return t, nil
}
