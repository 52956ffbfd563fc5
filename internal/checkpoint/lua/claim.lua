-- KEYS: buckets of record identities; ARGV: age in seconds, then for each bucket a packed list of what is claimed: the
-- identity (10 bytes) and the claim (23), which is the commit (9), the blob (10) and the place in it (4).
-- Answers a string of n (ours), t (another place in the same commit has it) and o (another blob), and the others' claims.
local marks, others = {}, {}
for k, key in ipairs(KEYS) do
  local list = ARGV[k + 1]
  for at = 1, #list, 33 do
    local record, claim = string.sub(list, at, at + 9), string.sub(list, at + 10, at + 32)
    local mark = 'n'
    if redis.call('HSETNX', key, record, claim) == 0 then
      local holder = redis.call('HGET', key, record)
      if holder == claim then
        mark = 'n' -- this call was repeated
      elseif string.sub(holder, 1, 9) == string.sub(claim, 1, 9) then
        mark = 't'
      elseif string.sub(holder, 1, 1) == string.sub(claim, 1, 1) and string.sub(holder, 10, 19) == string.sub(claim, 10, 19) then
        redis.call('HSET', key, record, claim) -- an earlier try of the same blob
      else
        mark = 'o'
        others[#others + 1] = holder
      end
    end
    marks[#marks + 1] = mark
  end
  redis.call('EXPIRE', key, ARGV[1])
end
return {table.concat(marks), table.concat(others)}
