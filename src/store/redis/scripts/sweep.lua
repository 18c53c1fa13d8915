-- Removes sessions that are due to end. ARGV: now, the time before which a session was idle, how
-- many at most of each kind. Answers {at the end of their lifetime, idle, 1 if there are more}.

local now, idle_since, most = unpack(ARGV, 1, 3)
local counts, more = {}, 0
for place, due in ipairs({ { 'until', now }, { 'seen', idle_since } }) do
    local hashes = redis.call('ZRANGEBYSCORE', K .. due[1], '-inf', due[2], 'LIMIT', 0, most)
    counts[place] = 0
    for _, hash in ipairs(hashes) do
        if remove(hash) then
            counts[place] = counts[place] + 1
        else
            -- Its record ran out before.
            redis.call('ZREM', K .. 'seen', hash)
            redis.call('ZREM', K .. 'until', hash)
            redis.call('ZREM', K .. 'opened', hash)
        end
    end
    if #hashes == tonumber(most) then
        more = 1
    end
end
return { counts[1], counts[2], more }
