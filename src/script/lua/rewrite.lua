-- The replacer and the reviver: functions of the script that look over all that events and
-- acknowledgements carry, as those of JSON.stringify() and JSON.parse() do.
--
-- SPDX-License-Identifier: MIT
local core = ...

local null, array = core.null, core.array
local Array = getmetatable(array {})
local DEPTH_MAX = 256

-- Whether a table is a list ("list"), an object ("object") or nothing that has values inside (nil):
-- what the encoder refuses is left to it.
local function kind(value)
  local meta = getmetatable(value)
  if meta == Array then
    return "list"
  elseif meta == false then
    return nil
  elseif type(meta) == "table" and tostring(rawget(meta, "__name")):sub(1, 7) == "atrium." then
    return nil
  end
  local n, seen = #value, 0
  if n == 0 then
    return "object"
  end
  for key in next, value do
    if type(key) ~= "number" then
      return "object"
    end
    seen = seen + 1
  end
  return seen == n and "list" or "object"
end

-- From outside to inside: what fn returns stands for the value, and is looked into. Nothing that the
-- script holds is changed.
local function replace(fn, holder, key, depth)
  local value = fn(key, holder[key], holder)
  local what = type(value) == "table" and kind(value)
  if not what then
    return value
  elseif depth > DEPTH_MAX then
    core.raise("cannot encode a cycle, or more than 256 levels, after the replacer")
  end
  local copy = {}
  if what == "list" then
    for i = 1, #value do
      local one = replace(fn, value, i, depth + 1)
      copy[i] = one == nil and null or one
    end
    return array(copy)
  end
  for name in next, value do
    copy[name] = replace(fn, value, name, depth + 1)
  end
  return copy
end

-- From inside to outside, in place: the tables were made for this event.
local function revive(fn, holder, key)
  local value = holder[key]
  if type(value) == "table" then
    if getmetatable(value) == Array then
      for i = 1, #value do
        local one = revive(fn, value, i)
        value[i] = one == nil and null or one
      end
    else
      for name in next, value do
        value[name] = revive(fn, value, name)
      end
    end
  end
  return fn(key, value, holder)
end

-- The values as the one list at the top, whose key is "".
local function whole(walk, fn, ...)
  local list, n = { ... }, select("#", ...)
  for i = 1, n do
    if list[i] == nil then
      list[i] = null
    end
  end
  local result = walk(fn, { [""] = array(list) }, "", 1)
  if type(result) ~= "table" then
    core.raise("the list of all arguments (key \"\") must stay a table, and is a " .. type(result))
  end
  n = #result
  return unpack(result, 1, n)
end

local walks = { replacer = replace, reviver = revive }

-- which: "replacer" or "reviver"; fn false: none.
function core.rewrite(which, fn)
  local walk = walks[which]
  core.set_rewriter(which, fn and function(...)
    return whole(walk, fn, ...)
  end)
end
