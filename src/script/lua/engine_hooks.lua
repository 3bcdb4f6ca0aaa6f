-- What scripts do to the requests of an engine: engine:use(), the events "initial_headers" and
-- "headers", engine.generateId. For io.engine and for what atrium.engine() returns.
--
-- SPDX-License-Identifier: MIT
local core = ...

------------------------------------------------------------------------------------------------
-- res of middlewares: a response as of routes, whose headers are set on the request at once, so that
-- they stand also when it goes on to the engine.

local Response = setmetatable({ __name = "atrium.response" }, { __index = core.response_type })
Response.__index = Response

function Response:setHeader(name, value)
  if type(name) ~= "string" or value == nil then
    error("res:setHeader: a name and a value expected", 2)
  end
  if type(value) ~= "table" then
    value = tostring(value)
  end
  core.response_set(self.ref, name, value)
  return self
end
Response.header, Response.set = Response.setHeader, Response.setHeader

-- What was set, a list when it is several; nil: not set.
function Response:getHeader(name)
  local list, found = core.response_headers(self.ref), {}
  name = name:lower()
  for i = 1, #list, 2 do
    if list[i]:lower() == name then
      found[#found + 1] = list[i + 1]
    end
  end
  return #found > 1 and found or found[1]
end
function Response:removeHeader(name)
  core.response_set(self.ref, name, nil)
  return self
end

local function use(self, fn)
  if type(fn) ~= "function" then
    error("use: function(req, res, next) expected, got " .. type(fn), 2)
  end
  core.engine_use(self, function(request, ref, next)
    setmetatable(request, core.request_type)
    fn(request, setmetatable({ ref = ref, decision = true, headers = {} }, Response), next)
  end)
  return self
end

------------------------------------------------------------------------------------------------
-- Headers

-- { name, value, name, value, ... } as a table by name, and the names in order.
local function by_name(list)
  local headers, order = {}, {}
  for i = 1, #list, 2 do
    local name, value = list[i], list[i + 1]
    local before = headers[name]
    if before == nil then
      order[#order + 1] = name
      headers[name] = value
    elseif type(before) == "table" then
      before[#before + 1] = value
    else
      headers[name] = { before, value }
    end
  end
  return headers, order
end

-- Names that listeners added come last, sorted; one that was there in other letters replaces that.
local function new_names(headers, order)
  local known, new = {}, {}
  for _, name in ipairs(order) do
    known[name] = true
  end
  for name in pairs(headers) do
    if type(name) == "string" and not known[name] then
      new[#new + 1] = name
    end
  end
  table.sort(new)
  for _, name in ipairs(new) do
    for _, old in ipairs(order) do
      if old:lower() == name:lower() then
        headers[old] = nil
      end
    end
    order[#order + 1] = name
  end
end

local function lines(headers, order)
  local list = {}
  for _, name in ipairs(order) do
    local values = headers[name]
    if values ~= nil and type(values) ~= "table" then
      values = { values }
    end
    for _, value in ipairs(values or {}) do
      list[#list + 1] = name
      list[#list + 1] = tostring(value)
    end
  end
  return list
end

local watched = setmetatable({}, { __mode = "k" })

local function watch(self)
  if watched[self] then
    return
  end
  watched[self] = true
  core.engine_headers(self, function(list, request, initial)
    local headers, order = by_name(list)
    if initial then
      core.emit_local(self, "initial_headers", headers, request)
    end
    core.emit_local(self, "headers", headers, request)
    new_names(headers, order)
    return lines(headers, order)
  end)
end

------------------------------------------------------------------------------------------------
-- Both kinds of engines: their metatables get what is above.

local generators = setmetatable({}, { __mode = "k" })

local function extend(class, methods, getters)
  methods.use = use
  for _, name in ipairs { "on", "once" } do
    local add = methods[name]
    methods[name] = function(self, event, fn)
      local result = add(self, event, fn)
      if event == "headers" or event == "initial_headers" then
        watch(self)
      end
      return result
    end
  end
  getters.generateId = function(self)
    return generators[self]
  end
  class.__newindex = function(self, name, value)
    if name ~= "generateId" then
      rawset(self, name, value)
      return
    end
    if value ~= nil and type(value) ~= "function" then
      error("generateId: function(req) expected, got " .. type(value), 2)
    end
    core.engine_generate_id(self, value)
    generators[self] = value
  end
end

for _, class in ipairs(core.engine_classes) do
  extend(class[1], class[2], class[3])
end
