-- The bytes of files: kept on disk, or made up on the way.
--
-- Owns: where a file's bytes are, and their MD5. Must not know: HTTP, ids. Runs on nginx's LuaJIT only.
--
-- Both kinds have: size, read(offset, most) -> at least one byte, md5() -> hexadecimal text.

local ffi = require "ffi"

ffi.cdef [[
  typedef struct { uint64_t words[32]; } fusioo_emulator_md5;
  void ngx_md5_init(fusioo_emulator_md5 *context);
  void ngx_md5_update(fusioo_emulator_md5 *context, const void *data, size_t size);
  void ngx_md5_final(unsigned char *result, fusioo_emulator_md5 *context);
]]

local C = ffi.C
local bytes = {}

local BLOCK = 65536 -- bytes that are read or made at once
local SLOT = 16     -- made-up bytes that say their own place

-- ---- MD5 ----

local function new_md5()
  local context = ffi.new("fusioo_emulator_md5")
  C.ngx_md5_init(context)
  return context
end

local function md5_text(context)
  local result = ffi.new("unsigned char[16]")
  C.ngx_md5_final(result, context)
  return (ffi.string(result, 16):gsub(".", function(c) return string.format("%02x", c:byte()) end))
end

-- The MD5 of bytes that are read from their beginning; others are served in between.
local function md5_of(self)
  local context, offset = new_md5(), 0
  while offset < self.size do
    local chunk = self:read(offset, BLOCK)
    C.ngx_md5_update(context, chunk, #chunk)
    offset = offset + #chunk
    if offset % (64 * BLOCK) == 0 then ngx.sleep(0) end
  end
  return md5_text(context)
end

-- ---- On disk ----

local stored = {}
stored.__index = stored

local number = 0

-- An empty file on disk. It has no name from the beginning, so that nothing of it stays when the emulator ends, however
-- that ends. `folder`: a name of which nobody else makes any, below it the file is made.
function bytes.store(folder)
  number = number + 1
  local path = string.format("%s-%d", folder, number)
  local handle, why = io.open(path, "w+b")
  if not handle then return nil, why end
  os.remove(path)
  return setmetatable({ size = 0, handle = handle, context = new_md5() }, stored)
end

-- Appends bytes; raises where the disk is full.
function stored:write(chunk)
  assert(self.handle:write(chunk))
  C.ngx_md5_update(self.context, chunk, #chunk)
  self.size = self.size + #chunk
end

-- To be called once, after the last byte was written.
function stored:finish()
  assert(self.handle:flush())
  self.digest, self.context = md5_text(self.context), nil
end

function stored:read(offset, most)
  self.handle:seek("set", offset)
  return assert(self.handle:read(math.min(most, self.size - offset)))
end

function stored:md5()
  return self.digest
end

-- ---- Made up ----

local made = {}
made.__index = made

-- Bytes that say where they are: each 16 of them are the seed (4 hexadecimal digits) and their own offset (12).
function bytes.make(size, seed)
  return setmetatable({ size = size, seed = seed, md5 = md5_of }, made)
end

-- The last four digits of the offset are the same in each block.
local block = ffi.new("char[?]", BLOCK + 1)
for slot = 0, BLOCK - 1, SLOT do
  ffi.copy(block + slot, string.format("000000000000%04x", slot), SLOT)
end

-- The block that begins at `offset`, a multiple of its size.
local function make_block(seed, offset)
  local front = string.format("%04x%08x", seed, offset / BLOCK)
  for slot = 0, BLOCK - 1, SLOT do ffi.copy(block + slot, front, SLOT - 4) end
  return block
end

function made:read(offset, most)
  local inside = offset % BLOCK
  local size = math.min(most, self.size - offset, BLOCK - inside)
  return ffi.string(make_block(self.seed, offset - inside) + inside, size)
end

-- The same file with other bytes.
function made:changed(by)
  return bytes.make(self.size, (self.seed + by) % BLOCK)
end

return bytes
