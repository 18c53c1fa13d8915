-- One kind of request after the other, as fast as they are answered.
-- KIND: create, filter, get, list, member. PEOPLE: how many there are (user-0, user-1, …).
-- IDS: a file with an id on each line, for get and member. GROUP: the group for member.
local kind, people = os.getenv("KIND"), tonumber(os.getenv("PEOPLE"))
local base, run = os.getenv("BASE"), os.getenv("RUN")
local threads, ids, at = {}, {}, 0
fine, wrong, last = 0, 0, ""

function setup(thread)
  table.insert(threads, thread)
end

function init(arguments)
  wrk.headers["Authorization"] = "Bearer " .. os.getenv("TOKEN")
  wrk.headers["Content-Type"] = "application/scim+json"
  wrk.headers["Accept"] = "application/scim+json"
  math.randomseed(7)
  if os.getenv("IDS") then
    for line in io.lines(os.getenv("IDS")) do table.insert(ids, line) end
  end
end

local function create()
  local name = run .. "-" .. at
  return wrk.format("POST", base .. "/Users", nil,
    '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"externalId":"' .. name .. '","userName":"' .. name
    .. '@example.com","active":true,"displayName":"Person ' .. at .. '","name":{"givenName":"Person","familyName":"'
    .. at .. '"},"emails":[{"type":"work","primary":true,"value":"' .. name .. '@example.com"}]}')
end

-- In, and out again when that has surely been answered: as many later as there are connections, twice.
local function member()
  local behind = 64
  local turn, who = math.floor((at - 1) / behind), (at - 1) % behind
  local id = ids[(math.floor(turn / 2) * behind + who) % #ids + 1]
  local operation = '{"op":"add","path":"members","value":[{"value":"' .. id .. '"}]}'
  if turn % 2 == 1 then
    operation = '{"op":"remove","path":"members[value eq \\"' .. id .. '\\"]"}'
  end
  return wrk.format("PATCH", base .. "/Groups/" .. os.getenv("GROUP") .. "?excludedAttributes=members", nil,
    '{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[' .. operation .. "]}")
end

function request()
  at = at + 1
  if kind == "create" then return create() end
  if kind == "member" then return member() end
  local which = math.random(0, people - 1)
  if kind == "filter" then
    return wrk.format("GET", base .. "/Users?filter=userName%20eq%20%22user-" .. which .. "%40example.com%22")
  elseif kind == "get" then
    return wrk.format("GET", base .. "/Users/" .. ids[which % #ids + 1])
  end
  local start = math.random(0, math.max(0, math.floor(people / 100) - 1)) * 100 + 1
  return wrk.format("GET", base .. "/Users?count=100&startIndex=" .. start)
end

function response(status, headers, body)
  local right = status >= 200 and status < 300
  -- An answer that is no answer: nobody found, or a page that is not one.
  if right and kind == "filter" then right = body:find('"totalResults": ?1[^0-9]') ~= nil end
  if right and kind == "list" then right = #body > 10000 end
  if right then
    fine = fine + 1
  else
    wrong = wrong + 1
    last = status .. " " .. body:sub(1, 200)
  end
end

function done(summary, latency)
  local fine, wrong, last = 0, 0, ""
  for _, thread in ipairs(threads) do
    fine = fine + thread:get("fine")
    wrong = wrong + thread:get("wrong")
    if thread:get("last") ~= "" then last = thread:get("last") end
  end
  io.write(string.format("RESULT %d %d %f %f %f %s\n", fine, wrong, summary.duration / 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, (last:gsub("%s+", " "))))
end
