-- Ends sessions, and answers which. ARGV: now, which ('one', 'family', 'family_of', 'user', 'some'),
-- its hash, sid or user, or how many.

local now, which, key = unpack(ARGV, 1, 3)
local hashes
if which == 'one' then
    hashes = { key }
elseif which == 'family' then
    hashes = redis.call('SMEMBERS', K .. 'f:' .. key)
elseif which == 'family_of' then
    hashes = family(key)
elseif which == 'user' then
    hashes = redis.call('SMEMBERS', K .. 'u:' .. key)
else
    hashes = redis.call('ZRANGE', K .. 'opened', 0, key - 1)
    for _, hash in ipairs(hashes) do
        if redis.call('EXISTS', K .. 's:' .. hash) == 0 then
            redis.call('ZREM', K .. 'opened', hash)
        end
    end
end
return finish(hashes, now)
