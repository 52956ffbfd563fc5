-- KEYS: document; ARGV: old, new, milliseconds to keep the new one, 0 for good. An empty text stands for no document.
-- Answers 1 if the new one is stored, also when it was already: the call may be a repetition.
local stored = redis.call('GET', KEYS[1]) or ''
if stored == ARGV[2] then return 1 end
if stored ~= ARGV[1] then return 0 end
if ARGV[2] == '' then
	redis.call('UNLINK', KEYS[1])
elseif ARGV[3] == '0' then
	redis.call('SET', KEYS[1], ARGV[2])
else
	redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1
