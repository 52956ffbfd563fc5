-- Prelude of the scripts of a tenant's request budget. KEYS: a hash that holds, by Redis's clock in microseconds:
--   tat         when all requests granted so far are paid off (the theoretical arrival time of GCRA)
--   background  the same for requests in the background
--   factor, grow  the part of the pace that is left, and since when it grows again
--   held, cut   until when nobody sends, and when the pace was last halved
--   seq, t:ASKER  number of the last ticket; who waits: "number, requests that are its due, 1 if background, until when"
local BURST = 1e6 -- what may be granted at once, in time
local REST, HOLD = 60e6, 3600e6 -- how long the pace stays halved; the longest silence the API may ask for
local AGAIN, FLOOR = 30e6, 1 / 16 -- the pace is halved at most this often, and not below this part
local GROWTH = 0.05 / 60e6 -- of the full pace, in a microsecond

local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1e6 + tonumber(clock[2])
local state = {}
local flat = redis.call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do state[flat[i]] = flat[i + 1] end

local function micros(x) return string.format('%.0f', x) end

-- past returns a stored time. One that lies further ahead than it could is brought back: the clock was set back.
local function past(name, ahead)
  local at = tonumber(state[name]) or 0
  if at > now + ahead then
    at = now + ahead
    redis.call('HSET', KEYS[1], name, micros(at))
  end
  return at
end

local held, cut, grow = past('held', HOLD), past('cut', 0), past('grow', HOLD + REST)
local factor = math.min(1, (tonumber(state.factor) or 1) + GROWTH * math.max(0, now - grow))
