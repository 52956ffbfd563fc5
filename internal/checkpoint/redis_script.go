package checkpoint

import (
	_ "embed"

	"github.com/redis/go-redis/v9"
)

//go:embed lua/guard.lua
var guard string

//go:embed lua/acquire.lua
var acquireSource string

//go:embed lua/release.lua
var releaseSource string

//go:embed lua/load.lua
var loadSource string

//go:embed lua/reset.lua
var resetSource string

//go:embed lua/unseen.lua
var unseenSource string

//go:embed lua/apply.lua
var applySource string

//go:embed lua/advance.lua
var advanceSource string

//go:embed lua/bind.lua
var bindSource string

//go:embed lua/wish.lua
var wishSource string

//go:embed lua/begin.lua
var beginSource string

//go:embed lua/finish.lua
var finishSource string

//go:embed lua/abandon.lua
var abandonSource string

// The scripts of a stream answer a list that starts with OK, NONE, FENCED or LOST.
var (
	acquireScript = redis.NewScript(guard + acquireSource)
	releaseScript = redis.NewScript(guard + releaseSource)
	loadScript    = redis.NewScript(guard + loadSource)
	resetScript   = redis.NewScript(guard + resetSource)
	unseenScript  = redis.NewScript(guard + unseenSource)
	applyScript   = redis.NewScript(guard + applySource)
	advanceScript = redis.NewScript(guard + advanceSource)
	bindScript    = redis.NewScript(bindSource)
	wishScript    = redis.NewScript(wishSource)
	beginScript   = redis.NewScript(beginSource)
	finishScript  = redis.NewScript(finishSource)
	abandonScript = redis.NewScript(abandonSource)
)
