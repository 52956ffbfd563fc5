-- ARGV: epoch, n, packed hashes; answers a string of 1 (unseen) and 0
local no = refused(ARGV[1])
if no then return no end
local n = common()
if n ~= ARGV[2] then return {'LOST', 'it stands at ' .. (n or 'no N') .. ', the caller at ' .. ARGV[2]} end
local out = ''
chunks(ARGV[3], function(hashes)
  local marks = {}
  for i, h in ipairs(hashes) do marks[i] = redis.call('ZSCORE', LEDGER, h) and '0' or '1' end
  out = out .. table.concat(marks)
end)
return {'OK', out}
