-- Sends requests for one run of wrk and prints what happened as one line of JSON.
--
--   wrk -s post.lua URL -- BODIES once|again THINK_MS
--
-- BODIES: a file with one JSON body a line, or - for GET. `once`: a line is sent once, and a run that
-- needs more fails; `again`: the lines come round. THINK_MS: the mean pause of a connection before
-- each request; 0 sends as fast as answers come.
--
-- Without a `response` function, which would make wrk parse and copy every answer.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

local requests = {}
local again
local think_ms
-- wrk asks for one request before the run, to look at it.
sent = -1
missing = 0

function init(args)
  again = args[1] == "-" or args[2] == "again"
  think_ms = tonumber(args[3])
  if think_ms > 0 then
    math.randomseed(os.time())
    delay = function() return math.random(0, 2 * think_ms) end
  end
  if args[1] == "-" then
    requests[1] = wrk.format("GET")
    return
  end
  local headers = { ["Content-Type"] = "application/json" }
  for body in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format("POST", nil, headers, body)
  end
end

function request()
  sent = sent + 1
  if sent >= #requests and not again then missing = missing + 1 end
  return requests[math.max(sent, 0) % #requests + 1]
end

function done(summary, latency)
  local total_sent, total_missing = 0, 0
  for _, thread in ipairs(threads) do
    total_sent = total_sent + thread:get("sent")
    total_missing = total_missing + thread:get("missing")
  end
  local counts = {}
  for i = 1, #latency do
    local us, count = latency(i)
    counts[i] = string.format("[%d,%d]", us, count)
  end
  local errors = summary.errors
  print(string.format(
    '{"requests":%d,"sent":%d,"missing":%d,"duration_us":%d,"status_errors":%d,"socket_errors":%d,"latency_us":[%s]}',
    summary.requests, total_sent, total_missing, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    table.concat(counts, ",")))
end
