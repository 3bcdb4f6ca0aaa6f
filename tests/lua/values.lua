-- JSON text and Lua values.
--
-- SPDX-License-Identifier: MIT
local atrium = require "atrium"
local expect = require "support.expect"
local json, null, array, bytes = atrium.json, atrium.null, atrium.array, atrium.bytes

-- Text that comes back as it was.
for _, text in ipairs {
  "null", "true", "false", "0", "-1", "1.5", "1e+21", "1e-7", "9007199254740991", '""', '"a"', "[]", "{}", "[[]]",
  "[{}]", '{"a":[]}', "[null]", "[1,null,3]", '{"a":null}', '"\\u0000\\b\\t\\n\\f\\r\\"\\\\/"', '"h\195\169"',
  '{"1":1}', '{"":{"":""}}', "[[[[[[[[1]]]]]]]]",
} do
  expect.equal(json.encode(json.decode(text)), text)
end

-- Text that comes back in its plain form.
for text, plain in pairs {
  [" [ 1 , 2 ] "] = "[1,2]", ["1.0"] = "1", ["-0"] = "0", ["1E2"] = "100", ['"\\u0041\\/"'] = '"A/"',
  ['"\\ud83d\\ude00"'] = '"\240\159\152\128"', ['"\\ud800"'] = '"\239\191\189"', ['{"a":1,"a":2}'] = '{"a":2}',
  ["12345678901234567890"] = "12345678901234567000",
} do
  expect.equal(json.encode(json.decode(text)), plain, text)
end

expect.equal(json.decode("null"), null)
expect.equal(json.null, null)
expect.equal(#json.decode("[1,null,3]"), 3)

for _, text in ipairs { "", "[", "[1,]", "{a:1}", "nul", "01", "1 2", "'a'", '"\n"', "NaN", "[1]x" } do
  expect.error("not valid JSON", json.decode, text)
end
expect.error("not valid UTF-8", json.decode, '"\255"')
expect.error("nested too deeply", json.decode, ("["):rep(300) .. ("]"):rep(300))

-- Arrays and objects are told apart.
expect.equal(json.encode({}), "{}")
expect.equal(json.encode(array {}), "[]")
expect.equal(json.encode(array()), "[]")
expect.equal(json.encode({ 1, 2 }), "[1,2]")
expect.equal(json.encode({ n = 1 }), '{"n":1}')
local sorted = { 3, 1, 2 }
table.sort(sorted)
expect.equal(json.encode(sorted), "[1,2,3]")
local built = {}
for i = 20, 1, -1 do built[i] = i end -- the elements land in the hash part first
expect.equal(#json.decode(json.encode(built)), 20)
local emptied = json.decode "[1]"
table.remove(emptied)
expect.equal(json.encode(emptied), "[]")

local extended = array { 1, 2 }
extended.name = "not an element"
expect.equal(json.encode(extended), "[1,2]")
expect.equal(json.encode(array { a = 1 }), "[]")

-- What is none of JSON's is an error that says where.
expect.error("cannot encode function", json.encode, print)
expect.error("cannot encode function at [2].x", json.encode, { 1, { x = print } })
expect.error('cannot encode thread at ["a b"][1]', json.encode, { ["a b"] = { coroutine.create(print) } })
expect.error("cannot encode NaN at .n", json.encode, { n = 0 / 0 })
expect.error("cannot encode infinity", json.encode, -math.huge)
expect.error("cannot encode userdata", json.encode, io.stdout)
expect.error("cannot encode a table whose keys are neither", json.encode, { 1, a = 2 })
expect.error("cannot encode a table whose keys are neither", json.encode, { [0] = 0, 1 })
expect.error("cannot encode a table whose keys are neither", json.encode, { [5] = 1 })
expect.error("cannot encode a table whose keys are neither", json.encode, { [1.5] = 1 })
expect.error("cannot encode a table with a key that is no string at .t", json.encode, { t = { [true] = 1 } })
expect.error("cannot encode atrium.io at .s", json.encode, { s = atrium.io })
expect.error("cannot encode bytes", json.encode, { bytes "x" })
local cycle = {}
cycle.next = { cycle }
expect.error("a cycle, or more than 256 levels", json.encode, cycle)
local deep = 1
for _ = 1, 256 do deep = { deep } end
expect.equal(#json.encode(deep), 513)
expect.error("more than 256 levels", json.encode, { deep })
expect.error("bad argument", json.encode)

-- A failure leaves nothing behind.
expect.equal(json.encode({ 1 }), "[1]")

-- Metatables of the script's own do not matter.
expect.equal(json.encode(setmetatable({ 1 }, { __index = { 2, 3 } })), "[1]")

-- Bytes.
local b = bytes "abc\0\255"
expect.equal(#b, 5)
expect.equal(b, bytes "abc\0\255")
assert(b ~= bytes "abc" and b ~= "abc\0\255" and bytes "" == bytes "")
expect.equal(tostring(b), "abc\0\255")
expect.equal(b:tostring(), "abc\0\255")
expect.equal(b:sub(2, 3), bytes "bc")
expect.equal(b:sub(-2), bytes "\0\255")
expect.equal(b:sub(4, 2), bytes "")
expect.equal(b:sub(-100, 100), b)
expect.equal(b:byte(), 97)
expect.equal(select("#", b:byte(1, -1)), 5)
expect.equal(select(5, b:byte(1, -1)), 255)
expect.equal(b .. "d", bytes "abc\0\255d")
expect.equal("d" .. b, bytes "dabc\0\255")
expect.equal(bytes(b), b)
expect.error("bytes expected", bytes, {})
expect.error("bytes expected", bytes)
expect.equal(getmetatable(b), false)

-- lua-cjson, where it is installed, knows the same null.
local ok, cjson = pcall(require, "cjson")
if ok then
  expect.equal(cjson.null, null)
end
