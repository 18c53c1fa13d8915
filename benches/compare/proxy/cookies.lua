-- GET with the sessions of COOKIES (a `Cookie` header a line), one after the other.
local requests, next_one = {}, 0

function init(arguments)
  for line in io.lines(os.getenv("COOKIES")) do
    wrk.headers["Cookie"] = line
    table.insert(requests, wrk.format("GET"))
  end
end

function request()
  next_one = next_one % #requests + 1
  return requests[next_one]
end

function done(summary, latency)
  local broken = summary.errors.connect + summary.errors.read + summary.errors.write
    + summary.errors.timeout
  io.write(string.format(
    "RESULT {\"requests\": %d, \"seconds\": %f, \"bytes\": %d, \"refused\": %d, \"broken\": %d, "
      .. "\"p50\": %f, \"p99\": %f}\n",
    summary.requests, summary.duration / 1e6, summary.bytes, summary.errors.status, broken,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
