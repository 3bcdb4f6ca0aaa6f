-- expect: asserts that say what they saw.
--
-- SPDX-License-Identifier: MIT
local expect = {}

function expect.equal(got, wanted, what)
  if got ~= wanted then
    error(("%s: got %s, wanted %s"):format(what or "value", tostring(got), tostring(wanted)), 2)
  end
end

-- fn(...) raises an error whose text has `said` in it.
function expect.error(said, fn, ...)
  local ok, err = pcall(fn, ...)
  if ok then
    error("no error; wanted: " .. said, 2)
  end
  if not tostring(err):find(said, 1, true) then
    error(("error %q, wanted %q"):format(tostring(err), said), 2)
  end
end

return expect
