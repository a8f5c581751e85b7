-- For wrk: sends GET requests for the paths of a file in turn, over and over, and prints the result.
-- Arguments: the file, then headers as "Name: value".

local requests, position = {}, 0

function init(arguments)
  for number = 2, #arguments do
    local name, value = arguments[number]:match("^(.-): (.*)$")
    wrk.headers[name] = value
  end
  for path in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("GET", path)
  end
end

function request()
  position = position % #requests + 1
  return requests[position]
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    "responses=%d seconds=%.6f p99_ms=%.3f errors=%d",
    summary.requests,
    summary.duration / 1e6,
    latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout
  ))
end
