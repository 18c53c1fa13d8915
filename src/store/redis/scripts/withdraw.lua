-- Takes a login back that could not be written: its claim, its session, and its place in the
-- browser. ARGV: hash, claim, browser or '', the hash that the browser had before or '', now.

local hash, claim, browser, before, now = unpack(ARGV, 1, 5)

if redis.call('GET', K .. 'o:' .. claim) == hash then
    redis.call('DEL', K .. 'o:' .. claim)
end
local is_last = browser ~= '' and redis.call('GET', K .. 'b:' .. browser) == hash
remove(hash)
if before ~= '' then
    if is_last then
        local left = redis.call('PTTL', K .. 's:' .. before)
        if left > 0 then
            redis.call('SET', K .. 'b:' .. browser, before, 'PX', left)
        end
    else
        -- A later login of this browser counts on us to end what was before.
        finish(family(before), now)
    end
end
return 1
