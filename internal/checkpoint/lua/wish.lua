-- KEYS: desired; ARGV: the text that was read ('' for none), the text to store
local stored = redis.call('GET', KEYS[1]) or ''
if stored == ARGV[2] then return 'OK' end
if stored ~= ARGV[1] then return 'CHANGED' end
redis.call('SET', KEYS[1], ARGV[2])
return 'OK'
