-- What a request takes, of all its quotas, or nothing: functions/limit/src/count.rs.
--
-- ARGV is numbers: how many are needed (0 all, 1 one), then for each line VERB ALGORITHM IS_SHADOW and what its algorithm
-- reads; each line but those that are known has the next one of KEYS. The answer is the time in microseconds, then for
-- each line what became of it and its state.
local TAKE, PEEK, CHARGE, GIVE_BACK, GIVE_BACK_UNUSED, KNOWN, RENEW = 0, 1, 2, 3, 4, 5, 6
local TAKEN, REFUSED, SPARED = 0, 1, 2
local algorithms = { [0] = gcra, window, log, flight }

local arguments_read, keys_read = 0, 0

local function n()
  arguments_read = arguments_read + 1
  return tonumber(ARGV[arguments_read])
end

local function read()
  local verb, algorithm, is_shadow = n(), algorithms[n()], n() == 1
  if verb == KNOWN then return { verb = verb, is_shadow = is_shadow, is_fitting = true } end
  local line = algorithm.read(n)
  keys_read = keys_read + 1
  line.key, line.verb, line.algorithm, line.is_shadow = KEYS[keys_read], verb, algorithm, is_shadow
  return line
end

-- What is decided for this line alone, and done if that is all.
local function begin(line)
  if line.verb == KNOWN then return end
  local algorithm = line.algorithm
  line.state = algorithm.load(line.key, line)
  if line.verb == TAKE then
    line.is_fitting = algorithm.fits(line.state, line)
  elseif line.verb == CHARGE then
    algorithm.charge(line.state, line)
  elseif line.verb == GIVE_BACK then
    algorithm.give_back(line.state, line)
  elseif line.verb == GIVE_BACK_UNUSED then
    algorithm.give_back_unused(line.state, line)
  elseif line.verb == RENEW then
    algorithm.renew(line.state, line)
  end
end

-- Whether the request passes, and by which line if one is enough.
local function decide(lines, need)
  local refused, enforced = false, false
  for _, line in ipairs(lines) do
    if (line.verb == TAKE or line.verb == KNOWN) and not line.is_shadow then
      if need == 1 and line.is_fitting then return true, line end
      enforced = true
      refused = refused or not line.is_fitting
    end
  end
  return not refused, nil
end

local need, lines = n(), {}
while arguments_read < #ARGV do
  local line = read()
  begin(line)
  lines[#lines + 1] = line
end

local passes, chosen = decide(lines, need)
local answer = { now }
local is_behind = false
for _, line in ipairs(lines) do
  local outcome = SPARED
  local is_take = line.verb == TAKE or line.verb == KNOWN
  if is_take and not line.is_fitting and not (is_behind and not line.is_shadow) then
    outcome = REFUSED
  elseif is_take and passes and (line.is_shadow or need == 0 or line == chosen) then
    outcome = TAKEN
  end
  is_behind = is_behind or line == chosen
  if line.verb == KNOWN then
    answer[#answer + 1] = { outcome }
  else
    if outcome == TAKEN then line.algorithm.take(line.state, line) end
    local is_told = line.verb ~= TAKE and line.verb ~= PEEK
    if outcome == TAKEN or is_told or line.state.is_changed then line.algorithm.save(line.key, line.state, line) end
    local reply = line.algorithm.reply(line.state)
    table.insert(reply, 1, outcome)
    answer[#answer + 1] = reply
  end
end
return answer
