-- Prelude of every script. A stream's keys, all with one hash tag:
local STATE, LEDGER, PENDING, GAPS, OBEYED = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local MARK = '!' -- member or field that carries N; in a sorted set its score is -1-N, below every other score

local function whole(x) return string.format('%.0f', x) end

local function marked(key)
  local score = redis.call('ZSCORE', key, MARK)
  return score and whole(-1 - tonumber(score))
end

-- common returns the N that all keys carry, if they do, and how many carry any.
local function common()
  local ns = {
    redis.call('HGET', STATE, 'n'), marked(LEDGER), redis.call('HGET', PENDING, MARK), marked(GAPS),
    redis.call('HGET', OBEYED, MARK),
  }
  local carriers, same = 0, true
  for i = 1, 5 do
    if ns[i] then carriers = carriers + 1 end
    same = same and ns[i] == ns[1]
  end
  if carriers == 5 and same then return ns[1], carriers end
  return nil, carriers
end

-- refused returns the answer to a caller whose epoch is not the stored one.
local function refused(epoch)
  local stored = redis.call('HGET', STATE, 'epoch')
  if not stored then return {'LOST', 'the epoch is missing'} end
  if stored == epoch then return nil end
  if tonumber(stored) > tonumber(epoch) then return {'FENCED', 'epoch ' .. stored} end
  return {'LOST', 'the stored epoch ' .. stored .. ' is an older one'}
end

-- mark writes N, into the state last.
local function mark(n)
  redis.call('ZADD', LEDGER, whole(-1 - tonumber(n)), MARK)
  redis.call('HSET', PENDING, MARK, n)
  redis.call('ZADD', GAPS, whole(-1 - tonumber(n)), MARK)
  redis.call('HSET', OBEYED, MARK, n)
  redis.call('HSET', STATE, 'n', n)
end

-- lists returns a function that calls another one with the pairs of the next list in ARGV: their number, then the pairs.
local function lists(next)
  return function(f)
    local count = tonumber(ARGV[next])
    for i = next + 1, next + 2 * count, 2 do f(ARGV[i], ARGV[i + 1]) end
    next = next + 1 + 2 * count
    return next
  end
end

local BACKFILL = 'b:' -- before a back-fill's id, in the key of what is obeyed
local HASH = 10 -- bytes
local CHUNK = 500 -- hashes a command: unpack has a limit

-- chunks calls f with the hashes of a packed string, some at a time.
local function chunks(packed, f)
  local list = {}
  for i = 1, #packed, HASH do
    list[#list + 1] = string.sub(packed, i, i + HASH - 1)
    if #list == CHUNK or i + HASH > #packed then
      f(list)
      list = {}
    end
  end
end
