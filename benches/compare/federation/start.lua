-- Each request is a sign-in that begins, with one of COUNT identity providers by its name.
local count = tonumber(os.getenv("COUNT"))


function init()
  math.randomseed(os.time())
end

function request()
  local name = "university-" .. math.random(0, count - 1)
  return wrk.format("GET", "/.samlgate/start?rd=%2Freports&idp=" .. name)
end

function done(summary, latency, requests)
  local errors = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout
  io.write(string.format("RESULT %d %d %.3f %.3f %.3f %.3f\n", summary.requests, errors,
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end
