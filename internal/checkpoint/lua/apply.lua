-- ARGV: epoch, n, hash of the entry, position, time of marking and age of the ledger in seconds, most gaps kept,
-- packed done, packed resolved, desired state ('' for none), desired since,
-- number of pending, then hash and JSON of each, number of gaps, then score and JSON of each
local no = refused(ARGV[1])
if no then return no end
local n = common()
if not n then return {'LOST', 'a key is missing or stems from another time'} end
if n == ARGV[2] and redis.call('HGET', STATE, 'last') == ARGV[3] then return {'OK', 'already'} end
if tonumber(ARGV[2]) ~= tonumber(n) + 1 then
  return {'LOST', 'it stands at ' .. n .. ', the entry is number ' .. ARGV[2]}
end

local at, age, most = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local next = 12
local function pairsOf(f)
  local count = tonumber(ARGV[next])
  for i = next + 1, next + 2 * count, 2 do f(ARGV[i], ARGV[i + 1]) end
  next = next + 1 + 2 * count
end

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
pairsOf(function(score, json) redis.call('ZADD', GAPS, score, json) end)
local extra = redis.call('ZCARD', GAPS) - 1 - most
if extra > 0 then redis.call('ZREMRANGEBYRANK', GAPS, 1, extra) end
if ARGV[10] ~= '' then redis.call('HSET', DESIRED, 'state', ARGV[10], 'since', ARGV[11]) end

-- Neither a clock of ours nor Redis's alone may empty the ledger. Rank 0 is the mark.
local cutoff = math.min(at, tonumber(redis.call('TIME')[1])) - age
local old = math.min(redis.call('ZCOUNT', LEDGER, 0, '(' .. whole(cutoff)), 20000)
if old > 0 then redis.call('ZREMRANGEBYRANK', LEDGER, 1, old) end

redis.call('HSET', STATE, 'position', ARGV[4], 'last', ARGV[3])
mark(ARGV[2])
return {'OK'}
