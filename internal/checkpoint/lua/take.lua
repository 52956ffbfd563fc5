-- ARGV: requests per minute, asker, 1 for the background, streams that wait, requests that wait
-- Answers how many are granted, and after how many microseconds to ask again if none is.
local SHARE = 0.95 -- of the quota: the service counts in its own way
local GRACE = 1e6 -- how late an asker may be before others pass it
local LATEST = 5e6 -- the longest wait between two questions

local asker, background = 't:' .. ARGV[2], ARGV[3] == '1'
local streams, wanted = tonumber(ARGV[4]), tonumber(ARGV[5])
local interval = math.ceil(60e6 / (tonumber(ARGV[1]) * SHARE * factor)) -- whole, so that no sum is rounded
local span = math.max(BURST, interval)
local wide = math.max(span, 2 * interval) -- in the background a request costs two

-- paid returns when something is paid off. Without a memory one request is granted, so that losing it gains no burst.
local function paid(name, span, cost)
  if not state[name] then return now + span - cost end
  return math.max(past(name, span), now)
end
local tat, behind = paid('tat', span, interval), paid('background', wide, 2 * interval)

local function ticket(value)
  local seq, left, back, to = string.match(value or '', '^(%d+) (%d+) ([01]) (%d+)$')
  if not seq or tonumber(to) < now then return nil end
  return {seq = tonumber(seq), left = tonumber(left), background = back == '1'}
end

local mine, fresh = ticket(state[asker]), false
if not mine or mine.background ~= background then
  fresh = true
  mine = {seq = (tonumber(state.seq) or 0) + 1, left = streams}
end
mine.left = math.min(mine.left, streams)

-- Tickets are served by number, those of the background last.
local ahead, others = 0, 0
for field, value in pairs(state) do
  if string.sub(field, 1, 2) == 't:' and field ~= asker then
    local other = ticket(value)
    if not other then
      redis.call('HDEL', KEYS[1], field)
    elseif background or not other.background then
      others = others + other.left
      if other.seq < mine.seq or background and not other.background then ahead = ahead + other.left end
    end
  end
end

local free = math.floor((now + span - tat) / interval)
local granted = math.max(math.min(mine.left, free - ahead), math.min(wanted, free - others))
local wait = (ahead + 1) * interval - (now + span - tat)
if background then
  granted = math.min(granted, math.floor((now + wide - behind) / (2 * interval)))
  wait = math.max(wait, 2 * interval - (now + wide - behind), 20e3)
end
if ahead > 0 then wait = math.max(wait, 5e3) end -- somebody is late
if now < held then granted, wait = 0, held - now end

granted = math.max(0, granted)
if granted > 0 then
  wait = 0
  local cost = background and 2 or 1
  redis.call('HSET', KEYS[1], 'tat', micros(tat + granted * interval),
    'background', micros(behind + cost * granted * interval))
end
wait = math.min(math.max(wait, granted > 0 and 0 or 1e3), LATEST)

if granted >= mine.left then
  if state[asker] then redis.call('HDEL', KEYS[1], asker) end
else
  redis.call('HSET', KEYS[1], asker, string.format('%.0f %.0f %s %.0f',
    mine.seq, mine.left - granted, background and 1 or 0, now + wait + GRACE))
  if fresh then redis.call('HSET', KEYS[1], 'seq', string.format('%.0f', mine.seq)) end
end
return {granted, wait}
