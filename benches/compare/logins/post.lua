-- Posts each line of FORMS once, and counts the answers that hand out a session.
local forms = assert(io.open(os.getenv("FORMS")))
local threads = {}
accepted, refused, ran_out = 0, 0, false

function setup(thread)
  table.insert(threads, thread)
end

function init(arguments)
  wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
  -- mod_auth_mellon takes an answer only from a browser that has its cookie.
  wrk.headers["Cookie"] = "mellon-cookie=cookietest"
end

function request()
  local form = forms:read("*l")
  if form == nil then
    ran_out = true
    wrk.thread:stop()
  end
  return wrk.format("POST", nil, nil, form or "")
end

function response(status, headers)
  -- Apache and hyper spell it differently.
  if (status == 302 or status == 303) and (headers["Set-Cookie"] or headers["set-cookie"]) then
    accepted = accepted + 1
  else
    refused = refused + 1
  end
end

function done(summary, latency)
  local accepted, refused, ran_out = 0, 0, false
  for _, thread in ipairs(threads) do
    accepted = accepted + thread:get("accepted")
    refused = refused + thread:get("refused")
    ran_out = ran_out or thread:get("ran_out")
  end
  io.write(string.format(
    "RESULT {\"accepted\": %d, \"refused\": %d, \"ran_out\": %s, \"seconds\": %f, \"errors\": %d, \"p50\": %f, \"p99\": %f}\n",
    accepted, refused, tostring(ran_out), summary.duration / 1e6,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
