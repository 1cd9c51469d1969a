-- tally.lua: busted's output handler for spec/run. It prints what went wrong, and writes one word for each result
-- (`passed`, `failed`, `skipped`) to the file named by -Xoutput as it comes, and `end` after the last one, so that
-- spec/run can count even where the interpreter crashed. Must not know: what is tested.

local WORD = { success = "passed", pending = "skipped", failure = "failed", error = "failed" }

return function(options)
  local busted = require "busted"
  local handler = require "busted.outputHandlers.base"()
  local path = assert(options.arguments and options.arguments[1], "tally: name the file to write with -Xoutput")
  local tally = assert(io.open(path, "w"))
  tally:setvbuf("no")

  local function note(word)
    tally:write(word, "\n")
  end

  local function describe(word, report)
    local message = report.message
    if type(message) ~= "string" then
      message = message == nil and "(no message)" or tostring(message)
    end
    local trace = report.element.trace or report.trace or {}
    local place = ("%s:%s"):format(trace.short_src or "?", trace.currentline or "?")
    io.write(("\n%s: %s\n    %s\n    %s\n"):format(word, report.name or "?", place, (message:gsub("\n", "\n    "))))
    if report.trace and report.trace.traceback then
      io.write("    ", (report.trace.traceback:gsub("^\n", ""):gsub("\n", "\n    ")), "\n")
    end
  end

  -- A failing before_each stops its test, and busted tells of both. One fault, one line: the test's own count stands.
  function handler.testEnd(_, _, status)
    note(WORD[status] or "failed")
    if status == "pending" then
      local last = handler.pendings[#handler.pendings] or {}
      local why = type(last.message) == "string" and last.message ~= "" and ": " .. last.message or ""
      io.write("skipped: ", last.name or "?", why, "\n")
    end
    io.flush()
    return nil, true
  end

  function handler.fault(element, parent, message, trace)
    local report = handler.format(element, parent, message, trace)
    if element.descriptor ~= "it" then
      note "failed"
    end
    describe("FAILED", report)
    io.flush()
    return nil, true
  end

  function handler.suiteEnd()
    note "end"
    tally:close()
    return nil, true
  end

  busted.subscribe({ "test", "end" }, handler.testEnd, { predicate = handler.cancelOnPending })
  busted.subscribe({ "failure" }, handler.fault)
  busted.subscribe({ "error" }, handler.fault)
  busted.subscribe({ "suite", "end" }, handler.suiteEnd)
  return handler
end
