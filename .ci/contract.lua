-- contract.lua: checks that what others call is documented where it is declared. Run with Lua 5.4:
--
--     lua5.4 .ci/contract.lua [ROOT]
--
-- C: every function declared in a header of src/core or src/binding has a comment directly above; one of fusioo.h tells
-- more than one sentence (who owns what, which errors). Lua: every public function of a module under lua/ (the emulator
-- aside) has an LDoc block directly above, with each parameter and the result; and a method of
-- the service's guide bears the guide's name for it.
-- Misses go to stdout as file:line: text. Must not know: what any function does.

local root = arg[1] or "."
local misses = 0

local function miss(file, line, text, ...)
  misses = misses + 1
  print(("%s:%d: %s"):format(file, line, text:format(...)))
end

local function read(file)
  local handle = assert(io.open(root .. "/" .. file, "rb"))
  local text = handle:read "a"
  handle:close()
  return text
end

local function find(arguments)
  local files = {}
  local pipe = assert(io.popen(("cd '%s' && find %s 2>/dev/null | sort"):format(root, arguments)))
  for file in pipe:lines() do
    files[#files + 1] = file
  end
  pipe:close()
  return files
end

local function blank(text)
  return (text:gsub("[^\n]", " "))
end

local function line_at(text, position)
  local _, count = text:sub(1, position - 1):gsub("\n", "")
  return count + 1
end

-- ---- C --------------------------------------------------------------------------------------------------------------

-- The text without comments, directives and what stands in braces, everything else in its place; and the comments by
-- the line they end on.
local function strip_c(text)
  local comments = {}
  local function take(from, comment)
    comments[line_at(text, from + #comment - 1)] = comment
    return blank(comment)
  end
  local code = text:gsub("()(/%*.-%*/)", take)
  code = code:gsub("//[^\n]*", blank)
  code = code:gsub("\\\n", " \1"):gsub("%f[^\n%z][ \t]*#[^\n]*", function(directive) -- \1: a line that goes on
    return (directive:gsub("[^\1]", " "))
  end)
  code = code:gsub(" \1", " \n"):gsub("\1", "\n")
  code = code:gsub('extern "C" {', blank)
  code = code:gsub("%)%s*%b{}", function(body) -- an inline function ends like a prototype
    return blank(body):sub(1, -2) .. ";"
  end)
  return code:gsub("%b{}", blank), comments
end

local function sentences(comment)
  local text = comment:gsub("^/%*+", ""):gsub("%*/$", ""):gsub("\n%s*%*?", " ")
  local _, count = (text:gsub("%s+$", "") .. " "):gsub("[.!?;:][)\"']?%s", "")
  return count
end

-- Calls f(name, line) for each prototype. `int (*name)(void)` is a variable: no name stands before its bracket.
local function each_prototype(code, f)
  for from, statement in code:gmatch "()([^;]*);" do
    local skip = #statement:match "^%s*"
    local words = statement:sub(skip + 1):gsub("__attribute__%s*%b()", "")
    local name = words:match "([%a_][%w_]*)%s*%(%s*[^%*%s]"
    local other = words:find "^typedef%f[%W]" or words:find "^static%f[%W]" or words:find "^_?[Ss]tatic_assert" or
      words:find "^[^(]*="
    if name and not other then
      f(name, line_at(code, from + skip))
    end
  end
end

local function check_header(file)
  local code, comments = strip_c(read(file))
  each_prototype(code, function(name, line)
    local comment = comments[line - 1]
    if not comment then
      miss(file, line, "%s has no comment directly above", name)
    elseif file:find "/fusioo%.h$" and sentences(comment) < 2 then
      miss(file, line, "the comment of %s is one sentence: say who owns what, and which errors there are", name)
    end
  end)
end

-- ---- Lua ------------------------------------------------------------------------------------------------------------

-- The text with comments and strings blanked, everything else in its place.
local function strip_lua(text)
  local out, at = {}, 1
  while at <= #text do
    local stop
    local comment, level = text:match("^(%-%-)%[(=*)%[", at)
    if not level then
      level = text:match("^%[(=*)%[", at)
    end
    local quote = text:match("^[\"']", at)
    if level then
      local _, last = text:find("]" .. level .. "]", at + (comment and 2 or 0), true)
      stop = last or #text
    elseif text:find("^%-%-", at) then
      stop = (text:find("\n", at, true) or #text + 1) - 1
    elseif quote then
      stop = at + 1
      while stop <= #text and text:sub(stop, stop) ~= quote do
        stop = stop + (text:sub(stop, stop) == "\\" and 2 or 1)
      end
    end
    if stop then
      out[#out + 1] = blank(text:sub(at, stop))
      at = stop + 1
    else
      local chunk = text:match("^[^%-%[\"']+", at) or text:sub(at, at)
      out[#out + 1] = chunk
      at = at + #chunk
    end
  end
  return table.concat(out)
end

local OPENS = { ["function"] = true, ["do"] = true, ["if"] = true, ["repeat"] = true }
local CLOSES = { ["end"] = true, ["until"] = true }
local ENDS_RETURN = { ["end"] = true, ["else"] = true, ["elseif"] = true, ["until"] = true }

-- Does the function whose parameter list begins at `from` return anything? Functions inside it do not count.
local function returns(code, from)
  local stack = { "function" }
  for word, behind in code:gmatch("%f[%w_]([%a_][%w_]*)()", from) do
    if OPENS[word] then
      stack[#stack + 1] = word
    elseif CLOSES[word] then
      stack[#stack] = nil
      if #stack == 0 then
        return false
      end
    elseif word == "return" then
      local inner = false
      for i = 2, #stack do
        inner = inner or stack[i] == "function"
      end
      local following = code:match("^%s*([%a_][%w_]*)", behind)
      if not inner and not ENDS_RETURN[following] and not code:find("^%s*;", behind) then
        return true
      end
    end
  end
  return false
end

-- The names of top-level tables that others get to see: returned by the module, or the __index of objects.
local function public_tables(code)
  local public, functions = {}, {}
  local tail = ("\n" .. code):match ".*\nreturn%f[%W](.*)$" or ""
  local name = tail:match "^%s*([%a_][%w_]*)%s*$" or tail:match "^%s*setmetatable%s*%(%s*([%a_][%w_]*)"
  if name then
    public[name], functions[name] = true, true
  end
  for value in (tail:match "^%s*(%b{})" or ""):gmatch "=%s*([%a_][%w_]*)%s*[,}]" do
    public[value], functions[value] = true, true
  end
  for value in code:gmatch "__index%s*=%s*([%a_][%w_]*)" do
    public[value] = true
  end
  public["function"] = nil
  return public, functions
end

-- Calls f(name, parameters, position, is_method) for each public function written at the left margin.
local function each_public_function(code, f)
  local public, functions = public_tables(code)
  local text = "\n" .. code
  local function consider(from, name, list, behind)
    local owner, rest = name:match "^([%a_][%w_]*)[.:](.+)$"
    local last = name:match "[%a_][%w_]*$"
    local shown = owner and public[owner] and not rest:find "^_" and not last:find "^_"
    if shown or (not owner and functions[name]) then
      f(name, list, from, behind - 1)
    end
  end
  for from, name, list, behind in text:gmatch "\n()function%s+([%w_.:]+)%s*%(([^)]*)%)()" do
    consider(from - 1, name, list, behind)
  end
  for from, name, list, behind in text:gmatch "\n()local%s+function%s+([%w_]+)%s*%(([^)]*)%)()" do
    consider(from - 1, name, list, behind)
  end
  for from, name, list, behind in text:gmatch "\n()([%a_][%w_.]*)%s*=%s*function%s*%(([^)]*)%)()" do
    consider(from - 1, name, list, behind)
  end
end

-- The LDoc block that ends on the line before `line`, or nil.
local function block_above(lines, line)
  local first = line
  while first > 1 and lines[first - 1]:find "^%-%-" do
    first = first - 1
  end
  -- Of comments that touch, the block begins at the last `---`.
  for i = line - 1, first, -1 do
    if lines[i]:find "^%-%-%-%f[^%-]" or lines[i] == "---" then
      return table.concat(lines, "\n", i, line - 1)
    end
  end
  return nil
end

local SIMPLE = { string = true, number = true, int = true, bool = true, func = true, tab = true, thread = true }

local function documented(block)
  local names = {}
  for tag, rest in block:gmatch "@(%a+)%b[]([^\n]*)" do
    names[#names + 1] = { tag, rest }
  end
  for tag, rest in block:gmatch "@(%a+)(%s+[^\n]*)" do
    names[#names + 1] = { tag, rest }
  end
  local set = {}
  for _, pair in ipairs(names) do
    local tag, rest = pair[1], pair[2]
    if tag == "param" or SIMPLE[tag] then
      set[rest:match "^%s*([%w_]+)" or ""] = true
    elseif tag == "tparam" then
      set[rest:match "^%s*%S+%s+([%w_]+)" or ""] = true
    end
  end
  return set
end

local function camel(name)
  return (("_" .. name):gsub("_(%l)", string.upper))
end

local GUIDE = {}
for name in ([[ping get_apps get_app record_count get_records get_record create_record update_record delete_record
    create_file get_file download_file delete_file create_discussion get_discussions get_discussion delete_discussion
    create_comment get_users get_user]]):gmatch "%S+" do
  GUIDE[name] = camel(name)
end

local function check_function(file, line, block, fn)
  if not block then
    return miss(file, line, "%s has no LDoc block (---) directly above", fn.name)
  end
  local set = documented(block)
  for parameter in fn.parameters:gmatch "[%a_][%w_]*" do
    if parameter ~= "self" and parameter ~= "_" and not set[parameter] then
      miss(file, line, "%s: no @param for %s", fn.name, parameter)
    end
  end
  if fn.returns and not block:find "@t?return%f[%W]" then
    miss(file, line, "%s returns something, but has no @return", fn.name)
  end
  local guide = fn.name:find ":" and GUIDE[fn.name:match "[%w_]+$"]
  if guide and not block:find("%f[%w]" .. guide .. "%f[%W]") then
    miss(file, line, "%s does not name the guide's method, %s", fn.name, guide)
  end
end

local function check_module(file)
  local text = read(file)
  local code = strip_lua(text)
  local lines = {}
  for line in (text .. "\n"):gmatch "(.-)\n" do
    lines[#lines + 1] = line
  end
  each_public_function(code, function(name, parameters, from, behind)
    local line = line_at(code, from)
    check_function(file, line, block_above(lines, line), {
      name = name,
      parameters = parameters,
      returns = returns(code, behind),
    })
  end)
end

-- ---- All of it ------------------------------------------------------------------------------------------------------

local headers = find "src/core src/binding -name '*.h'"
for _, file in ipairs(headers) do
  check_header(file)
end

local modules = find "lua -name '*.lua' -not -path 'lua/fusioo/emulator/*'"
for _, file in ipairs(modules) do
  check_module(file)
end

print(("contract: %d headers and %d modules looked at, %d misses"):format(#headers, #modules, misses))
os.exit(misses == 0)
