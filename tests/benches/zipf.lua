-- wrk: 10,000 paths, asked for by Zipf's law (exponent 1), in the same order every time.
local objects, length = 10000, 200000
local weights, sum = {}, 0
for rank = 1, objects do
  sum = sum + 1 / rank
  weights[rank] = sum
end

local function rank_of(share)
  local low, high = 1, objects
  while low < high do
    local middle = math.floor((low + high) / 2)
    if weights[middle] < share then low = middle + 1 else high = middle end
  end
  return low
end

local requests, position = {}, 0

function init()
  math.randomseed(1)
  for index = 1, length do
    -- Ranks are spread over the names, so that popular ones do not lie side by side.
    requests[index] = wrk.format("GET", "/object/" .. (rank_of(math.random() * sum) * 7919 % objects))
  end
end

function request()
  position = position % length + 1
  return requests[position]
end
