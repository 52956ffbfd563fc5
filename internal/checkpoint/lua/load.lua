-- ARGV: epoch, or nothing to ask whoever owns the stream
local no = ARGV[1] and refused(ARGV[1])
if no then return no end
local n, carriers = common()
if carriers == 0 then return {'NONE'} end
if not n then return {'LOST', 'a key is missing or stems from another time'} end
return {
  'OK', redis.call('HGETALL', STATE), redis.call('HGETALL', PENDING), redis.call('ZRANGE', GAPS, 0, -1),
  redis.call('HGETALL', OBEYED),
}
