-- ARGV: epoch, n, hash of the entry, position, time of marking (with three decimals, which claims are told by) and age
-- of the ledger in seconds, most gaps kept,
-- packed done, packed resolved, desired state ('' for none), desired since, new watermark ('' for none), command that
-- moves it, age in seconds and most of the back-fills kept,
-- 'replay' or '', 'forget' or '', then watermark, swept, swept fully, subscription tried, start and end of the head as
-- they stood, then first start and time of the snapshot ('' for none), its desired state, desired since and mover,
-- its pending, gaps and back-fills as below, then
-- number of pending, then hash and JSON of each, number of gaps, then score and JSON of each,
-- number of back-fills, then id and value (end, space, JSON) of each
local no = refused(ARGV[1])
if no then return no end
local n = common()
if not n then return {'LOST', 'a key is missing or stems from another time'} end
if ARGV[16] == 'replay' and tonumber(ARGV[2]) <= tonumber(n) then return {'OK', 'already'} end
if n == ARGV[2] and redis.call('HGET', STATE, 'last') == ARGV[3] then return {'OK', 'already'} end
if tonumber(ARGV[2]) ~= tonumber(n) + 1 then
  return {'LOST', 'it stands at ' .. n .. ', the entry is number ' .. ARGV[2]}
end

local at, age, most = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local pairsOf = lists(29)

-- What is rebuilt takes the newest true statement.
if ARGV[16] == 'replay' and tonumber(ARGV[18]) >= tonumber(redis.call('HGET', STATE, 'watermark') or 0) then
  redis.call('HSET', STATE, 'watermark', ARGV[18], 'swept', ARGV[19], 'swept_fully', ARGV[20],
    'subscribe_tried', ARGV[21], 'head_from', ARGV[22], 'head_to', ARGV[23])
end
if ARGV[17] == 'forget' then redis.call('UNLINK', LEDGER) end
if ARGV[25] ~= '' then
  redis.call('UNLINK', PENDING, GAPS, OBEYED)
  redis.call('HSET', STATE, 'first_start', ARGV[24], 'snapshot', ARGV[25])
  redis.call('HSET', OBEYED, 'state', ARGV[26], 'since', ARGV[27], 'moved', ARGV[28])
end
pairsOf(function(hash, json) redis.call('HSET', PENDING, hash, json) end)
pairsOf(function(score, json) redis.call('ZADD', GAPS, score, json) end)
pairsOf(function(id, value) redis.call('HSET', OBEYED, BACKFILL .. id, value) end)

chunks(ARGV[8], function(hashes)
  local args = {}
  for _, h in ipairs(hashes) do
    args[#args + 1] = ARGV[5]
    args[#args + 1] = h
  end
  redis.call('ZADD', LEDGER, unpack(args))
end)
pairsOf(function(hash, json) redis.call('HSET', PENDING, hash, json) end)
local function settle(hashes) redis.call('HDEL', PENDING, unpack(hashes)) end
chunks(ARGV[8], settle)
chunks(ARGV[9], settle)

-- A gap takes the place of an open one of its start and cause.
local open
local function named(json)
  local from, to, cause = string.match(json, '^{"from":"([^"]*)","to":"([^"]*)","cause":"([^"]*)"')
  return (from or '') .. ' ' .. (cause or ''), to == '0001-01-01T00:00:00Z'
end
local function note(json)
  local name, isOpen = named(json)
  if isOpen then open[name] = json end
end
pairsOf(function(score, json)
  if not open then
    open = {}
    for _, member in ipairs(redis.call('ZRANGE', GAPS, 0, -1)) do note(member) end
  end
  local name = named(json)
  if open[name] then
    redis.call('ZREM', GAPS, open[name])
    open[name] = nil
  end
  redis.call('ZADD', GAPS, score, json)
  note(json)
end)
redis.call('ZADD', GAPS, whole(-1 - tonumber(n)), MARK) -- a snapshot took it away
local extra = redis.call('ZCARD', GAPS) - 1 - most
if extra > 0 then redis.call('ZREMRANGEBYRANK', GAPS, 1, extra) end

if ARGV[10] ~= '' then redis.call('HSET', OBEYED, 'state', ARGV[10], 'since', ARGV[11]) end
if ARGV[12] ~= '' then
  redis.call('HSET', STATE, 'watermark', ARGV[12], 'head_from', 0, 'head_to', 0)
  if ARGV[17] == 'forget' or tonumber(ARGV[12]) < tonumber(redis.call('HGET', STATE, 'first_start') or 0) then
    redis.call('HSET', STATE, 'first_start', ARGV[12])
  end
  redis.call('HSET', OBEYED, 'moved', ARGV[13])
end

local upserted = false
pairsOf(function(id, value)
  redis.call('HSET', OBEYED, BACKFILL .. id, value)
  upserted = true
end)
if upserted then
  local kept, all = {}, redis.call('HGETALL', OBEYED)
  for i = 1, #all, 2 do
    if string.sub(all[i], 1, #BACKFILL) == BACKFILL then
      local ended = tonumber(string.match(all[i + 1], '^%d+')) or 0
      kept[#kept + 1] = {field = all[i], ended = ended == 0 and math.huge or ended}
    end
  end
  table.sort(kept, function(a, b)
    if a.ended ~= b.ended then return a.ended < b.ended end
    return a.field < b.field
  end)
  local cutoff = (at - tonumber(ARGV[14])) * 1000000
  for i, b in ipairs(kept) do
    if b.ended < cutoff or #kept - i >= tonumber(ARGV[15]) then redis.call('HDEL', OBEYED, b.field) end
  end
end

redis.call('ZADD', LEDGER, whole(-1 - tonumber(n)), MARK)
-- Neither a clock of ours nor Redis's alone may empty the ledger. Rank 0 is the mark.
local cutoff = math.min(at, tonumber(redis.call('TIME')[1])) - age
local old = math.min(redis.call('ZCOUNT', LEDGER, 0, '(' .. whole(cutoff)), 20000)
if old > 0 then redis.call('ZREMRANGEBYRANK', LEDGER, 1, old) end

redis.call('HSET', STATE, 'position', ARGV[4], 'last', ARGV[3])
mark(ARGV[2])
return {'OK'}
