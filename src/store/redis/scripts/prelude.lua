-- In front of every script. Redis runs one script at a time, from its first line to its last.
-- CHANNEL is set before. Times are microseconds since 1970. Numbers are never joined to texts: Lua
-- would round them.

local K = 'samlgate:'

-- So that a set lives as long as what lives longest in it.
local function outlive(key, ms)
    if redis.call('PTTL', key) < ms then
        redis.call('PEXPIRE', key, ms)
    end
end

-- Removes a session and every trace of it in the indexes; whether it was there.
local function remove(hash)
    local key = K .. 's:' .. hash
    local of = redis.call('HMGET', key, 'u', 'f', 'n', 'b')
    if not of[2] then
        return false
    end
    redis.call('DEL', key)
    redis.call('ZREM', K .. 'seen', hash)
    redis.call('ZREM', K .. 'until', hash)
    redis.call('ZREM', K .. 'opened', hash)
    redis.call('SREM', K .. 'u:' .. of[1], hash)
    redis.call('SREM', K .. 'f:' .. of[2], hash)
    if of[3] then
        redis.call('HDEL', K .. 'n:' .. of[3], hash)
    end
    if of[4] and redis.call('GET', K .. 'b:' .. of[4]) == hash then
        redis.call('DEL', K .. 'b:' .. of[4])
    end
    return true
end

-- Ends these sessions, and tells every node; which ones were there.
local function finish(hashes, now)
    local ended = {}
    for _, hash in ipairs(hashes) do
        if remove(hash) then
            ended[#ended + 1] = hash
        end
    end
    if #ended == 0 then
        return ended
    end
    -- Where Redis has lost its data it begins with a greater number than it ever had, by which the
    -- nodes notice.
    redis.call('SET', K .. 'epoch', now, 'NX')
    redis.call('INCRBY', K .. 'epoch', #ended)
    for _, hash in ipairs(ended) do
        redis.call('LPUSH', K .. 'ends', hash)
    end
    redis.call('LTRIM', K .. 'ends', 0, 65535)
    redis.call('PUBLISH', CHANNEL, table.concat(ended))
    return ended
end

-- The sessions of the login that this one belongs to.
local function family(hash)
    local sid = redis.call('HGET', K .. 's:' .. hash, 'f')
    return sid and redis.call('SMEMBERS', K .. 'f:' .. sid) or {}
end
