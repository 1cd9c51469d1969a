-- A text that is large, packed so that it is small: gzip (RFC 1952) around one block of fixed codes (RFC 1951).
--
-- Owns: the packing of a repeated byte. Must not know: HTTP. Needs no zlib, which not every nginx lends to Lua.
-- Runs on LuaJIT only (the bit library).

local bit = require "bit"
local band, bxor, bor, lshift, rshift = bit.band, bit.bxor, bit.bor, bit.lshift, bit.rshift

local bomb = {}

local LONGEST = 258 -- bytes that one match stands for

-- A writer of bits, lowest first: put(value, count), codes with their bits turned round; take() ends with a whole byte.
local function new_bits()
  local bytes, held, size = {}, 0, 0
  local bits = {}
  function bits.put(value, count)
    held, size = bor(held, lshift(value, size)), size + count
    while size >= 8 do
      bytes[#bytes + 1] = string.char(band(held, 255))
      held, size = rshift(held, 8), size - 8
    end
  end
  function bits.code(value, count)
    local turned = 0
    for _ = 1, count do
      turned, value = bor(lshift(turned, 1), band(value, 1)), rshift(value, 1)
    end
    bits.put(turned, count)
  end
  function bits.take()
    bits.put(0, 7)
    return table.concat(bytes)
  end
  return bits
end

-- Bytes below 144 have codes of eight bits.
local function put_text(bits, text)
  for i = 1, #text do bits.code(0x30 + text:byte(i), 8) end
end

local crc_table = {}
for i = 0, 255 do
  local value = i
  for _ = 1, 8 do
    value = band(value, 1) == 1 and bxor(rshift(value, 1), 0xedb88320) or rshift(value, 1)
  end
  crc_table[i] = value
end

local function crc(value, byte, count)
  for _ = 1, count do value = bxor(crc_table[band(bxor(value, byte), 255)], rshift(value, 8)) end
  return value
end

local function crc_of(before, byte, count, after)
  local value = -1
  for i = 1, #before do value = crc(value, before:byte(i), 1) end
  value = crc(value, byte:byte(), count)
  for i = 1, #after do value = crc(value, after:byte(i), 1) end
  return bxor(value, -1)
end

local function little_endian(value)
  return string.char(band(value, 255), band(rshift(value, 8), 255), band(rshift(value, 16), 255), rshift(value, 24))
end

-- The gzip form of before .. byte:rep(count) .. after; ASCII all of it.
function bomb.gzip(before, byte, count, after)
  local bits = new_bits()
  bits.put(1, 1) -- the last block
  bits.put(1, 2) -- fixed codes
  put_text(bits, before .. byte)
  local matches = math.floor((count - 1) / LONGEST)
  for _ = 1, matches do
    bits.code(0xc5, 8) -- length 258
    bits.code(0, 5)    -- distance 1
  end
  put_text(bits, byte:rep(count - 1 - matches * LONGEST) .. after)
  bits.code(0, 7) -- the end
  return "\31\139\8\0\0\0\0\0\0\255" .. bits.take() .. little_endian(crc_of(before, byte, count, after))
    .. little_endian(#before + count + #after)
end

return bomb
