-- Routes and static files: atrium.http.
--
-- SPDX-License-Identifier: MIT
local core = ...

local types = {
  html = "text/html; charset=utf-8",
  text = "text/plain; charset=utf-8",
  json = "application/json; charset=utf-8",
  js = "text/javascript; charset=utf-8",
  css = "text/css; charset=utf-8",
  bin = "application/octet-stream",
}

------------------------------------------------------------------------------------------------
-- Requests

local Request = { __name = "atrium.request" }
Request.__index = Request
core.request_type = Request

-- The body as JSON; an error that answers 400 when it is none.
function Request:json()
  local ok, value = pcall(core.json.decode, self.body)
  if not ok then
    error({ status = 400, message = "the body is not valid JSON" }, 0)
  end
  return value
end
function Request:get(name)
  return self.headers[name:lower()]
end

------------------------------------------------------------------------------------------------
-- Responses: nothing is sent before send(), json(), redirect() or sendStatus().

local Response = { __name = "atrium.response" }
Response.__index = Response
core.response_type = Response

function Response:status(status)
  if type(status) ~= "number" then
    error("res:status: a number expected, got " .. type(status), 2)
  end
  self.code = status
  return self
end
function Response:type(name)
  self.content_type = types[name] or name
  return self
end
function Response:header(name, value)
  if type(name) ~= "string" or value == nil then
    error("res:header: a name and a value expected", 2)
  end
  if name:lower() == "content-type" then
    return self:type(tostring(value))
  end
  local headers = self.headers
  headers[#headers + 1] = name
  headers[#headers + 1] = tostring(value)
  return self
end
Response.set = Response.header

local function answer(self, default_type, body)
  if self.sent then
    error("the request was answered already", 2) -- called last: our caller is the script
  end
  local sent = core.respond(self.ref, self.code or 200, self.content_type or default_type,
    self.headers, body, self.decision)
  self.sent = true
  return sent
end

function Response:json(value)
  return answer(self, types.json, core.json.encode(value))
end
function Response:send(body)
  if body == nil then
    return answer(self, types.text, "")
  elseif core.is_bytes(body) then
    return answer(self, types.bin, body)
  elseif type(body) == "string" or type(body) == "number" then
    return answer(self, types.text, tostring(body))
  end
  return answer(self, types.json, core.json.encode(body))
end
Response["end"] = Response.send
Response.end_ = Response.send
function Response:sendStatus(status)
  self.code = status
  return answer(self, types.text, tostring(status))
end
function Response:redirect(status, url)
  if not url then
    status, url = 302, status
  end
  self.code = status
  self:header("Location", url)
  return answer(self, types.text, "")
end

------------------------------------------------------------------------------------------------
-- Routes

local http = {}

local function add(method, pattern, handler)
  if type(handler) ~= "function" then
    error("atrium.http: a function expected as the handler, got " .. type(handler), 2)
  end
  core.route(method, pattern, function(request, ref)
    setmetatable(request, Request)
    local response = setmetatable({ ref = ref, headers = {} }, Response)
    local result = handler(request, response)
    if result == nil or result == response or response.sent then
      return
    end
    local ok, message = pcall(response.send, response, result)
    if not ok then -- the handler is no more on the stack
      error(("%s %s, what its handler returned: %s"):format(method, pattern, message), 0)
    end
  end)
  return http
end

for name, method in pairs { get = "GET", post = "POST", put = "PUT", delete = "DELETE",
  patch = "PATCH", options = "OPTIONS", head = "HEAD", any = "*" } do
  http[name] = function(self, pattern, handler)
    if self ~= http then
      error("call it with a colon: http:" .. name .. "(pattern, function)", 2)
    end
    return add(method, pattern, handler)
  end
end

function http:static(prefix, folder, options)
  core.static(prefix, folder, options and options.maxAge)
  return http
end

core.http = http
