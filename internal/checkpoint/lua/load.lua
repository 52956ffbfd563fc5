-- ARGV: epoch, epoch that Kafka knows, token of this call, schema; or nothing to ask whoever owns the stream
-- Answers the epoch that counts from now on, what there is (NONE, LOST or FOUND), and it.
local epoch = ''
if ARGV[1] then
  epoch = redis.call('HGET', STATE, 'epoch')
  if epoch and redis.call('HGET', STATE, 'taker') ~= ARGV[3] then
    local no = refused(ARGV[1])
    if no then return no end
    epoch = whole(math.max(tonumber(ARGV[1]), tonumber(ARGV[2])) + 1)
    redis.call('HSET', STATE, 'epoch', epoch, 'taker', ARGV[3])
  elseif not epoch then
    return {'LOST', 'the epoch is missing'}
  end
end
local n, carriers = common()
if carriers == 0 then return {'OK', epoch, 'NONE'} end
if not n then return {'OK', epoch, 'LOST', 'a key is missing or stems from another time'} end
-- An older version would change what stands here without telling the journal.
local schema = tonumber(redis.call('HGET', STATE, 'schema'))
if ARGV[1] and schema and schema < tonumber(ARGV[4]) then redis.call('HSET', STATE, 'schema', ARGV[4]) end
return {
  'OK', epoch, 'FOUND', redis.call('HGETALL', STATE), redis.call('HGETALL', PENDING), redis.call('ZRANGE', GAPS, 0, -1),
  redis.call('HGETALL', OBEYED),
}
