-- The store: keys, counters and leases. Values are JSON: so a number is what incr() counts, whoever wrote it.
--
-- SPDX-License-Identifier: MIT
local core = ...

local store, lease = {}, {}
local leases = setmetatable({}, { __mode = "k" }) -- those that store.lease() gave
lease.__name = "atrium.lease"
lease.__index = lease
lease.__metatable = false

-- What an operation may come to without being a mistake, as scripts are told.
local outcomes = {
  ATR_EEXISTS = "exists", ATR_ESTATE = "changed", ATR_EFENCED = "fenced", ATR_EUNKNOWN = "unknown",
}

local function ask(op, request)
  local result, code, text = core.store_ask(op, request)
  if code and not outcomes[code] then
    core.raise("store: " .. text)
  end
  return result, outcomes[code]
end

local options = {
  ttl = "ttl", ifAbsent = "ifAbsent", ifVersion = "version", keepTtl = "keepTtl", fence = "fence", prefix = "prefix",
}
local function request(key, given)
  local r = { key = key }
  for name, value in pairs(given or {}) do
    if not options[name] then
      core.raise("store: there is no option " .. tostring(name))
    end
    r[options[name]] = value
  end
  if r.fence then
    if not leases[r.fence] then
      core.raise("store: a fence is a lease, as store.lease gives it")
    end
    r.fence, r.fenceEpoch = r.fence.name, r.fence.epoch
  end
  return r
end

function store.get(key)
  local result = ask("get", { key = key })
  if result.value then
    return core.json.decode(result.value), result.version
  end
end
function store.set(key, value, given)
  local r = request(key, given)
  r.value = core.json.encode(value)
  local result, outcome = ask("set", r)
  if outcome then
    return nil, outcome
  end
  return result.version
end
function store.del(key, given)
  local result, outcome = ask("del", request(key, given))
  if outcome then
    return nil, outcome
  end
  return result.number
end
function store.incr(key, by, given)
  local r = request(key, given)
  if by == 0 then
    core.raise("store: an increment of 0")
  end
  r.number = by or 1
  local result, outcome = ask("incr", r)
  if outcome then
    return nil, outcome
  end
  return result.number
end
function store.expire(key, ttl)
  local _, outcome = ask("expire", { key = key, ttl = ttl or 0 })
  return not outcome
end
function store.holder(name)
  local result = ask("holder", { key = name })
  if result.epoch > 0 then
    return result.owner, result.epoch, result.ttl
  end
end
-- Each call is an owner of its own, unless it says who it is.
function store.lease(name, ttl, owner)
  owner = owner or core.unique()
  local result, outcome = ask("acquire", { key = name, owner = owner, ttl = ttl })
  if outcome then
    return nil, result.owner
  end
  local held = setmetatable({ name = name, owner = owner, epoch = result.epoch, ttl = ttl }, lease)
  leases[held] = true
  return held
end
function lease:renew(ttl)
  self.ttl = ttl or self.ttl
  local _, outcome = ask("renew", { key = self.name, epoch = self.epoch, ttl = self.ttl })
  return not outcome
end
function lease:release()
  local _, outcome = ask("release", { key = self.name, epoch = self.epoch })
  return not outcome
end

core.store = store
