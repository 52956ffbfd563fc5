-- KEYS: answer; ARGV: answer, time to keep it in milliseconds
local stored = redis.call('GET', KEYS[1])
if not stored or string.sub(stored, 1, 1) ~= 'D' then redis.call('SET', KEYS[1], 'D' .. ARGV[1], 'PX', ARGV[2]) end
return {'OK'}
