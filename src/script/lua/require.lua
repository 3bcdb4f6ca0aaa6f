-- require(), as Lua 5.1 has it but for one thing: the module is called from Lua, so its main chunk may
-- wait (for its tables to be made, say).
--
-- SPDX-License-Identifier: MIT
local loaded, loading = package.loaded, {}

local function find(name)
  local tried = {}
  for _, search in ipairs(package.loaders) do
    local loader = search(name)
    if type(loader) == "function" then
      return loader
    elseif type(loader) == "string" then
      tried[#tried + 1] = loader
    end
  end
  error("module '" .. name .. "' not found:" .. table.concat(tried), 3)
end

function require(name)
  if type(name) == "number" then
    name = tostring(name)
  elseif type(name) ~= "string" then
    error("bad argument #1 to 'require' (string expected, got " .. type(name) .. ")", 2)
  end
  local module = loaded[name]
  if module == loading then
    error("loop or previous error loading module '" .. name .. "'", 2)
  elseif module then
    return module
  end
  local loader = find(name)
  loaded[name] = loading
  local result = loader(name)
  if result ~= nil then
    loaded[name] = result
  elseif loaded[name] == loading then
    loaded[name] = true
  end
  return loaded[name]
end
