-- A dissector for Sluice's wire, for Wireshark and TShark 3.6 to 4.4. README.md beside it says how to install it.
--
--  +-----------------+----------------------------+-------------------------+
--  | header length n | header: n bytes of JSON    | body: m bytes           |
--  | int32, little-  | UTF-8, one object          | as many as the header   |
--  | endian          |                            | says, perhaps none      |
--  +-----------------+----------------------------+-------------------------+
--
-- Bodies are never put together: a put of 1 GiB would be held in memory. So nothing is asked of Wireshark's TCP
-- reassembly. Each direction of a connection is read here, by the position of each segment in the stream:
--
--   read    once a packet, in the order of the capture: which frames end their heads in it, and whose body bytes
--           it has. What it found is kept under the packet's number.
--   show    whenever a packet is dissected: the tree, from what was kept. It changes nothing, so a packet looks
--           the same in the first pass, in the second and in the window, in whatever order they are asked for.
--
-- TCP keeps segments that come out of order from its dissectors. They are read in the post-dissector, which sees
-- every packet, so that they are not missed whether TCP's own reordering (tcp.reassemble_out_of_order) is on or off.

-- What the protocol says. Written by test/capture/wireshark-tables.test.ts from the code, and held to it there.
-- tables: begin
local COMMANDS = {
  ['put'] = { body = true, required = { 'filename', 'filesize' } },
  ['resume'] = { body = false, required = { 'upload' } },
  ['cancel'] = { body = false, required = { 'upload' } },
  ['get'] = { body = false, required = { 'filename' } },
  ['list'] = { body = false, required = {} },
  ['stat'] = { body = false, required = { 'filename' } },
  ['delete'] = { body = false, required = { 'filename' } },
  ['rename'] = { body = false, required = { 'filename', 'to' } },
  ['hello'] = { body = false, required = {} },
  ['ping'] = { body = false, required = {} },
}
local FIELDS = {
  { name = 'cmd', kind = 'string' },
  { name = 'id', kind = 'string' },
  { name = 'filename', kind = 'string' },
  { name = 'filesize', kind = 'bytes' },
  { name = 'offset', kind = 'bytes' },
  { name = 'upload', kind = 'string' },
  { name = 'crc32', kind = 'crc32' },
  { name = 'sha256', kind = 'string' },
  { name = 'progress', kind = 'bytes' },
  { name = 'mtime', kind = 'integer' },
  { name = 'ifAbsent', kind = 'boolean' },
  { name = 'token', kind = 'string' },
  { name = 'length', kind = 'bytes' },
  { name = 'prefix', kind = 'string' },
  { name = 'after', kind = 'string' },
  { name = 'limit', kind = 'bytes' },
  { name = 'checksum', kind = 'boolean' },
  { name = 'to', kind = 'string' },
  { name = 'size', kind = 'bytes' },
  { name = 'durable', kind = 'boolean' },
  { name = 'body', kind = 'bytes' },
  { name = 'next', kind = 'string' },
  { name = 'server', kind = 'string' },
  { name = 'version', kind = 'string' },
  { name = 'name', kind = 'string' },
}
local ERRORS = {
  ['bad-header-length'] = { fatal = true, blame = 'peer', message = 'the header length is not within bounds' },
  ['bad-header'] = { fatal = true, blame = 'peer', message = 'the header is not a JSON object in UTF-8' },
  ['bad-body-length'] = { fatal = true, blame = 'peer', message = 'the header does not say how long its body is' },
  ['truncated'] = { fatal = true, blame = 'peer', message = 'the connection ended in the middle of a frame' },
  ['unknown-command'] = { fatal = false, blame = 'peer', message = 'there is no such command' },
  ['bad-request'] = { fatal = false, blame = 'peer', message = 'a field of the request is missing or wrong' },
  ['bad-filename'] = { fatal = false, blame = 'peer', message = 'the file name is not allowed' },
  ['not-found'] = { fatal = false, blame = 'peer', message = 'there is no such file' },
  ['exists'] = { fatal = false, blame = 'peer', message = 'there is a file of that name already' },
  ['name-conflict'] = { fatal = false, blame = 'peer', message = 'a file and a folder cannot have the same name' },
  ['not-a-file'] = { fatal = false, blame = 'peer', message = 'the name is taken by something that is not a regular file' },
  ['bad-offset'] = { fatal = false, blame = 'peer', message = 'the offset is not where the content ends so far' },
  ['bad-range'] = { fatal = false, blame = 'peer', message = 'the range lies outside the file' },
  ['size-mismatch'] = { fatal = false, blame = 'peer', message = 'the content is not as long as was said' },
  ['crc-mismatch'] = { fatal = false, blame = 'peer', message = 'the content does not have the CRC-32 that was said' },
  ['sha256-mismatch'] = { fatal = false, blame = 'peer', message = 'the content does not have the SHA-256 that was said' },
  ['upload-taken'] = { fatal = false, blame = 'peer', message = 'another connection has taken the upload over' },
  ['not-authenticated'] = { fatal = false, blame = 'peer', message = 'the server must know who you are first: say hello with a token' },
  ['bad-token'] = { fatal = true, blame = 'peer', message = 'the token is not one the server knows' },
  ['forbidden'] = { fatal = false, blame = 'peer', message = 'you may not do that' },
  ['too-large'] = { fatal = false, blame = 'peer', message = 'the file is larger than the server takes' },
  ['quota-exceeded'] = { fatal = false, blame = 'peer', message = 'there is no room left in the quota' },
  ['too-many-uploads'] = { fatal = false, blame = 'server', message = 'the server keeps too many unfinished uploads' },
  ['too-many-connections'] = { fatal = true, blame = 'server', message = 'the server has too many connections' },
  ['timed-out'] = { fatal = true, blame = 'peer', message = 'the server has waited long enough' },
  ['disk-full'] = { fatal = false, blame = 'server', message = 'the disk is full' },
  ['permission-denied'] = { fatal = false, blame = 'server', message = 'the server may not write there' },
  ['read-only'] = { fatal = false, blame = 'server', message = 'the file system is read-only' },
  ['too-many-open-files'] = { fatal = false, blame = 'server', message = 'the server has too many files open' },
  ['format-conflict'] = { fatal = false, blame = 'server', message = 'the store is in a format that the server cannot use' },
  ['io-error'] = { fatal = false, blame = 'server', message = 'the file system failed' },
  ['unavailable'] = { fatal = false, blame = 'server', message = 'what the server stores in cannot be used now' },
  ['events-full'] = { fatal = false, blame = 'server', message = 'the server keeps too many events that were not delivered yet' },
  ['busy'] = { fatal = false, blame = 'server', message = 'the server has no memory for so large a request now' },
  ['shutting-down'] = { fatal = false, blame = 'server', message = 'the server is shutting down' },
  ['internal'] = { fatal = false, blame = 'server', message = 'the server failed in a way it does not know' },
}
local LIMITS = { header = 65536, port = 8080 }
-- tables: end

local KEYS = { cmd = true, ack = true, error = true }
for _, field in ipairs(FIELDS) do KEYS[field.name] = true end

local SAFE = 2 ^ 53 - 1
-- What waits for bytes before it, in one direction: bytes, and pieces of packets.
local MAX_WAITING = 1024 * 1024
local MAX_PIECES = 256
-- Ranges of one direction that are known to have been seen.
local MAX_RANGES = 1024
-- Packets of a connection after which bytes that were acknowledged, and not captured, are given up.
local PATIENCE = 8

-- Text -----------------------------------------------------------------------------------------------------------

local function plain(number) return string.format('%.0f', number) end

-- 1234567 as 1,234,567.
local function grouped(number)
  local digits = plain(number)
  local first = #digits % 3
  local groups = first > 0 and { digits:sub(1, first) } or {}
  for i = first + 1, #digits, 3 do groups[#groups + 1] = digits:sub(i, i + 2) end
  return table.concat(groups, ',')
end

local function bytes_of(count) return grouped(count) .. (count == 1 and ' byte' or ' bytes') end

-- For labels and columns: without control characters, and not too long.
local function label(text, most)
  most = most or 128
  if #text > most then
    local cut = most
    while cut > 1 and text:byte(cut + 1) >= 0x80 and text:byte(cut + 1) < 0xc0 do cut = cut - 1 end
    text = text:sub(1, cut) .. '…'
  end
  return (text:gsub('[\0-\31\127]', function(c) return string.format('\\u%04x', c:byte()) end))
end

local function is_utf8(text)
  local at = 1
  while true do
    at = text:find('[\128-\255]', at)
    if not at then return true end
    local a, b, c, d = text:byte(at, at + 3)
    local function more(byte) return byte and byte >= 0x80 and byte <= 0xbf end
    if a >= 0xc2 and a <= 0xdf and more(b) then
      at = at + 2
    elseif a >= 0xe0 and a <= 0xef and more(b) and more(c)
      and (a ~= 0xe0 or b >= 0xa0) and (a ~= 0xed or b <= 0x9f) then
      at = at + 3
    elseif a >= 0xf0 and a <= 0xf4 and more(b) and more(c) and more(d)
      and (a ~= 0xf0 or b >= 0x90) and (a ~= 0xf4 or b <= 0x8f) then
      at = at + 4
    else
      return false
    end
  end
end

local function utf8_of(code)
  if code < 0x80 then return string.char(code) end
  if code < 0x800 then return string.char(0xc0 + math.floor(code / 64), 0x80 + code % 64) end
  local low = string.char(0x80 + math.floor(code / 64) % 64, 0x80 + code % 64)
  if code < 0x10000 then return string.char(0xe0 + math.floor(code / 4096)) .. low end
  return string.char(0xf0 + math.floor(code / 262144), 0x80 + math.floor(code / 4096) % 64) .. low
end

-- JSON -----------------------------------------------------------------------------------------------------------
--
-- Exactly what JavaScript's JSON.parse takes, at any depth, without recursion. Only the members of an object are
-- kept, as { kind, value, from, to } by name, the last of a name; what is in them is checked, and passed over.

local function skip_space(text, at) return (text:find('[^ \t\r\n]', at)) or #text + 1 end

-- Where the string that begins at `at` ends; nil when it is none.
local function string_end(text, at)
  at = at + 1
  while true do
    at = text:find('[\0-\31"\\]', at)
    if not at then return nil end
    local byte = text:byte(at)
    if byte == 0x22 then return at end
    if byte ~= 0x5c then return nil end
    if text:find('^["\\/bfnrt]', at + 1) then
      at = at + 2
    elseif text:find('^u[0-9a-fA-F][0-9a-fA-F][0-9a-fA-F][0-9a-fA-F]', at + 1) then
      at = at + 6
    else
      return nil
    end
  end
end

local ESCAPES = { b = '\b', f = '\f', n = '\n', r = '\r', t = '\t' }

-- What a string between its quotes says. Half of a surrogate pair, which UTF-8 has no bytes for, stays an escape.
local function unescaped(text)
  if not text:find('\\', 1, true) then return text end
  local parts, at = {}, 1
  while true do
    local slash = text:find('\\', at, true)
    if not slash then break end
    parts[#parts + 1] = text:sub(at, slash - 1)
    local letter = text:sub(slash + 1, slash + 1)
    if letter ~= 'u' then
      parts[#parts + 1] = ESCAPES[letter] or letter
      at = slash + 2
    else
      local code = tonumber(text:sub(slash + 2, slash + 5), 16)
      at = slash + 6
      if code >= 0xd800 and code <= 0xdbff then
        local low = text:match('^\\u([dD][c-fC-F][0-9a-fA-F][0-9a-fA-F])', at)
        if low then
          code = 0x10000 + (code - 0xd800) * 1024 + (tonumber(low, 16) - 0xdc00)
          at = at + 6
        end
      end
      local half = code >= 0xd800 and code <= 0xdfff
      parts[#parts + 1] = half and string.format('\\u%04x', code) or utf8_of(code)
    end
  end
  parts[#parts + 1] = text:sub(at)
  return table.concat(parts)
end

local function number_end(text, at)
  local _, to = text:find('^-?0', at)
  if not to then _, to = text:find('^-?[1-9][0-9]*', at) end
  if not to then return nil end
  local _, fraction = text:find('^%.[0-9]+', to + 1)
  to = fraction or to
  local _, exponent = text:find('^[eE][+-]?[0-9]+', to + 1)
  return exponent or to
end

-- Where the string, number or word at `at` ends, and what kind it is; nil when there is none.
local function scalar_end(text, at)
  local byte = text:byte(at)
  if byte == 0x22 then return string_end(text, at), 'string' end
  if byte == 0x74 and text:sub(at, at + 3) == 'true' then return at + 3, 'boolean' end
  if byte == 0x66 and text:sub(at, at + 4) == 'false' then return at + 4, 'boolean' end
  if byte == 0x6e and text:sub(at, at + 3) == 'null' then return at + 3, 'null' end
  return number_end(text, at), 'number'
end

-- Behind a key that begins at `at`, its colon and the space around it: where its value begins; and the key's end.
local function past_key(text, at)
  if text:byte(at) ~= 0x22 then return nil end
  local to = string_end(text, at)
  if not to then return nil end
  local colon = skip_space(text, to + 1)
  if text:byte(colon) ~= 0x3a then return nil end
  return skip_space(text, colon + 1), to
end

-- Where the value at `at` ends, and its kind; nil when it is no JSON.
local function value_end(text, at)
  local open = {}
  local depth = 0
  local kind, first
  while true do
    local byte = text:byte(at)
    local to, closed
    if byte == 0x7b or byte == 0x5b then
      local object = byte == 0x7b
      first = first or (object and 'object' or 'array')
      local next_at = skip_space(text, at + 1)
      if text:byte(next_at) == (object and 0x7d or 0x5d) then
        to = next_at
      else
        depth = depth + 1
        open[depth] = object
        if object then next_at = past_key(text, next_at) end
        if not next_at then return nil end
        at = next_at
      end
    else
      to, kind = scalar_end(text, at)
      if not to then return nil end
      first = first or kind
    end
    -- Behind a value: what it was in may go on, or be over too.
    while to do
      if depth == 0 then return to, first end
      local next_at = skip_space(text, to + 1)
      byte = text:byte(next_at)
      if byte == 0x2c then
        at = skip_space(text, next_at + 1)
        if open[depth] then at = past_key(text, at) end
        if not at then return nil end
        to = nil
      elseif byte == (open[depth] and 0x7d or 0x5d) then
        depth = depth - 1
        to = next_at
      else
        return nil
      end
    end
  end
end

-- The members of the object at `from`, which ends at `to` and is known to be valid; and all of them in order.
local function members_of(text, from)
  local members, order = {}, {}
  local at = skip_space(text, from + 1)
  while text:byte(at) == 0x22 do
    local value_at, key_to = past_key(text, at)
    local to, kind = value_end(text, value_at)
    local raw = text:sub(value_at, to)
    local value
    if kind == 'string' then
      value = unescaped(raw:sub(2, -2))
    elseif kind == 'number' then
      -- A float in every version of Lua.
      value = tonumber(raw) + 0.0
    elseif kind == 'boolean' then
      value = raw == 'true'
    end
    local name = unescaped(text:sub(at + 1, key_to - 1))
    local member = { name = name, kind = kind, value = value, raw = raw, from = value_at, to = to }
    members[name] = member
    order[#order + 1] = member
    at = skip_space(text, to + 1)
    if text:byte(at) == 0x2c then at = skip_space(text, at + 1) end
  end
  return members, order
end

-- The members of a header, or nil and what is wrong.
local function parse_header(text)
  if not is_utf8(text) then return nil, 'the header is not valid UTF-8' end
  local from = skip_space(text, 1)
  local to, kind = value_end(text, from)
  if not to or skip_space(text, to + 1) <= #text then return nil, 'the header is not valid JSON' end
  if kind ~= 'object' then return nil, 'the header is JSON, but not an object' end
  return members_of(text, from)
end

-- The protocol ---------------------------------------------------------------------------------------------------

local function string_in(members, name)
  local member = members[name]
  if member and member.kind == 'string' then return member.value end
end

local function is_count(member)
  if not member or member.kind ~= 'number' then return false end
  local value = member.value
  return value >= 0 and value <= SAFE and value == math.floor(value)
end

-- How many bytes of body a header says, or nil and what is wrong.
local function body_length(members, is_request)
  if not is_request then
    local body = members.body
    if not body or body.kind == 'null' then return 0 end
    if is_count(body) then return body.value end
    return nil, "'body' is not a whole number of bytes"
  end
  local command = COMMANDS[string_in(members, 'cmd')]
  local filesize, offset = members.filesize, members.offset
  if command and not command.body then return 0 end
  if not command and not filesize then return 0 end
  if not is_count(filesize) then return nil, "'filesize' is not a whole number of bytes" end
  if not command or not offset then return filesize.value end
  if not is_count(offset) then return nil, "'offset' is not a whole number of bytes" end
  if offset.value > filesize.value then return nil, "'offset' is past 'filesize'" end
  return filesize.value - offset.value
end

-- A signed 32-bit number of the first four bytes.
local function length_in(text, at)
  local a, b, c, d = text:byte(at, at + 3)
  local value = a + b * 256 + c * 65536 + d * 16777216
  return value >= 2147483648 and value - 4294967296 or value
end

-- Whether a head may well begin at `at` of a text: a length within bounds, and a key of the protocol's.
local function is_plausible(text, at, max_header)
  if #text < at + 6 then return false end
  local length = length_in(text, at)
  if length < 2 or length > max_header then return false end
  local _, to, key = text:find('^{[ \t\r\n]?"([A-Za-z0-9]+)"', at + 4)
  return key ~= nil and KEYS[key] == true and length > to - at - 3
end

-- Wireshark's side -----------------------------------------------------------------------------------------------

local sluice = Proto('sluice', 'Sluice')
local sluice_post = Proto('sluice_post', 'Sluice, packets out of order')

sluice.prefs.ports = Pref.range('TCP ports', tostring(LIMITS.port), 'What servers listen on', 65535)
sluice.prefs.max_header = Pref.uint('Longest header', LIMITS.header, 'Bytes; what --max-header of the server says')
sluice.prefs.heuristic = Pref.bool('Find it on other ports', true, 'By the first bytes of a connection')

local f = {
  header_length = ProtoField.int32('sluice.header_length', 'Header length', base.DEC),
  header = ProtoField.string('sluice.header', 'Header', base.UNICODE),
  number = ProtoField.uint32('sluice.frame.number', 'Frame of this direction', base.DEC),
  position = ProtoField.uint64('sluice.frame.position', 'Position in this direction', base.DEC),
  body_length = ProtoField.uint64('sluice.body_length', 'Body length', base.DEC),
  body_offset = ProtoField.uint64('sluice.body.offset', 'First byte of the body here', base.DEC),
  body_bytes = ProtoField.uint32('sluice.body.bytes', 'Bytes of the body here', base.DEC),
  body_of = ProtoField.framenum('sluice.body.header_in', 'Header in', base.NONE),
  ack = ProtoField.string('sluice.ack', 'Ack', base.UNICODE),
  code = ProtoField.string('sluice.error.code', 'Error code', base.UNICODE),
  message = ProtoField.string('sluice.error.message', 'Error message', base.UNICODE),
  fatal = ProtoField.bool('sluice.error.fatal', 'Fatal'),
  blame = ProtoField.string('sluice.error.blame', 'Blame', base.UNICODE),
  request = ProtoField.bool('sluice.request', 'Request'),
  reply = ProtoField.bool('sluice.reply', 'Reply'),
  response_in = ProtoField.framenum('sluice.response_in', 'Response in', base.NONE, frametype.RESPONSE),
  response_to = ProtoField.framenum('sluice.response_to', 'Response to', base.NONE, frametype.REQUEST),
  time = ProtoField.relative_time('sluice.time', 'Time from the header of the request'),
  part = ProtoField.uint32('sluice.head.bytes', 'Bytes of a head here', base.DEC),
  head_in = ProtoField.framenum('sluice.head.complete_in', 'Head complete in', base.NONE),
  waiting = ProtoField.uint32('sluice.waiting', 'Bytes that wait for what is before them', base.DEC),
  read_in = ProtoField.framenum('sluice.read_in', 'Read with', base.NONE),
  came_in = ProtoField.framenum('sluice.came_in', 'Came out of order in', base.NONE),
}
local kinds = {
  string = function(name, title) return ProtoField.string(name, title, base.UNICODE) end,
  bytes = function(name, title) return ProtoField.uint64(name, title, base.DEC) end,
  crc32 = function(name, title) return ProtoField.uint32(name, title, base.HEX_DEC) end,
  integer = function(name, title) return ProtoField.int64(name, title, base.DEC) end,
  boolean = function(name, title) return ProtoField.bool(name, title) end,
}
-- The header's own fields, by their names in JSON.
local by_name = {}
local all = {}
for _, field in pairs(f) do all[#all + 1] = field end
for _, field in ipairs(FIELDS) do
  -- ifAbsent is sluice.if_absent: names in filters are in small letters.
  local name = field.name:gsub('%u', function(c) return '_' .. c:lower() end)
  by_name[field.name] = { field = kinds[field.kind]('sluice.' .. name, field.name), kind = field.kind }
  all[#all + 1] = by_name[field.name].field
end
sluice.fields = all

local function expert_info(name, text, group, severity)
  return ProtoExpert.new('sluice.' .. name, text, group, severity)
end
local e = {
  bad_header_length = expert_info('bad_header_length', 'Header length out of bounds', expert.group.MALFORMED, expert.severity.ERROR),
  bad_header = expert_info('bad_header', 'Header is not a JSON object in UTF-8', expert.group.MALFORMED, expert.severity.ERROR),
  bad_body_length = expert_info('bad_body_length', 'Body length is invalid', expert.group.MALFORMED, expert.severity.ERROR),
  unread = expert_info('unread', 'Behind a fault nothing is read', expert.group.PROTOCOL, expert.severity.WARN),
  unknown_command = expert_info('unknown_command', 'Unknown command', expert.group.PROTOCOL, expert.severity.WARN),
  missing_field = expert_info('missing_field', 'A required field is missing', expert.group.PROTOCOL, expert.severity.WARN),
  refused = expert_info('refused', 'Request refused', expert.group.RESPONSE_CODE, expert.severity.NOTE),
  fatal_error = expert_info('fatal_error', 'Fatal error', expert.group.RESPONSE_CODE, expert.severity.WARN),
  out_of_step = expert_info('out_of_step', 'The reply is not to the request whose turn it is', expert.group.SEQUENCE, expert.severity.WARN),
  lost = expert_info('lost', 'Bytes are missing in the capture', expert.group.SEQUENCE, expert.severity.WARN),
  late = expert_info('late', 'Bytes that were given up, or had no place', expert.group.SEQUENCE, expert.severity.NOTE),
  skipped = expert_info('skipped', 'Skipped, looking for the next header', expert.group.SEQUENCE, expert.severity.NOTE),
  ahead = expert_info('ahead', 'Out of order', expert.group.SEQUENCE, expert.severity.NOTE),
  unordered = expert_info('unordered', 'Not read in order', expert.group.PROTOCOL, expert.severity.NOTE),
}
local experts = {}
for _, one in pairs(e) do experts[#experts + 1] = one end
sluice.experts = experts

local ip_src, ip_dst = Field.new('ip.src'), Field.new('ip.dst')
local ipv6_src, ipv6_dst = Field.new('ipv6.src'), Field.new('ipv6.dst')
local tcp_seq = Field.new('tcp.seq_raw')
local tcp_ack = Field.new('tcp.ack_raw')
local tcp_len = Field.new('tcp.len')
local tcp_syn = Field.new('tcp.flags.syn')
local tcp_has_ack = Field.new('tcp.flags.ack')
local tcp_payload = Field.new('tcp.payload')

-- A packet in a tunnel has several TCP headers: the innermost is the one whose dissector is called.
local function last(...) return (select(select('#', ...), ...)) end
local function value_of(getter)
  local info = last(nil, getter())
  return info and info.value
end

-- What is known of a capture. It grows with the frames and packets of Sluice's connections, as Wireshark's own does.
-- `latest` is the last packet that was read; `handed` what TCP gave the dissector of the packet that is under way.
-- `spoken` is which protocol each direction on our ports was found to speak.
local connections, shown, blind, latest, handed, spoken

local function forget()
  connections, shown, blind, latest, handed, spoken = {}, {}, { at = 1 }, 0, nil, {}
end
forget()
sluice.init = forget

-- Reading --------------------------------------------------------------------------------------------------------

local function new_connection()
  return { flows = {}, begins = {}, packets = 0, requests = {}, replies = {}, certain = true }
end

local function new_flow(connection, key)
  local flow = {
    connection = connection,
    key = key,
    frames = {},
    -- Where reading goes on: behind the bytes of head that are there, or behind the body.
    next = 0,
    phase = 'head',
    parts = {},
    have = 0,
    head_at = 0,
    -- Whether the beginning of a frame is known, and not guessed.
    sure = true,
    tail = '',
    covered = {},
    waiting = {},
    waiting_bytes = 0,
    top = 0,
    acked = nil,
    hole_since = 0,
  }
  connection.flows[key] = flow
  return flow
end

-- The parts of [from, to) that were not seen before; marks them as seen.
local function unseen(flow, from, to)
  local covered = flow.covered
  local latest = covered[#covered]
  if not latest or from > latest[2] then
    covered[#covered + 1] = { from, to }
  elseif from == latest[2] then
    latest[2] = to
    return { { from, to } }
  end
  if not latest or from > latest[2] then
    if #covered > MAX_RANGES then
      covered[1][2] = covered[2][2]
      table.remove(covered, 2)
    end
    return { { from, to } }
  end
  local fresh, merged, at, placed = {}, {}, from, false
  local mine = { from, to }
  for _, range in ipairs(covered) do
    if range[2] < mine[1] then
      merged[#merged + 1] = range
    elseif range[1] > mine[2] then
      if not placed then
        merged[#merged + 1] = mine
        placed = true
      end
      merged[#merged + 1] = range
    else
      if range[1] > at then fresh[#fresh + 1] = { at, math.min(range[1], to) } end
      at = math.max(at, range[2])
      mine = { math.min(mine[1], range[1]), math.max(mine[2], range[2]) }
    end
  end
  if not placed then merged[#merged + 1] = mine end
  if at < to then fresh[#fresh + 1] = { at, to } end
  flow.covered = merged
  return fresh
end

-- The frame that [position] is in or behind; nil before the first.
local function frame_at(flow, position)
  local frames = flow.frames
  local low, high = 1, #frames
  while low <= high do
    local middle = math.floor((low + high) / 2)
    if frames[middle].position <= position then low = middle + 1 else high = middle - 1 end
  end
  return frames[high], frames[high + 1]
end

-- Links the replies to the requests: by their order, or by their ids where what is between them may be missing.
local function link(request, reply)
  request.partner = reply
  reply.partner = request
end

local function linked_by_order(connection)
  local requests, replies = connection.requests, connection.replies
  local at = connection.linked or 0
  while requests[at + 1] and replies[at + 1] do
    at = at + 1
    local request, reply = requests[at], replies[at]
    if reply.answers == nil or reply.answers == request.name then
      link(request, reply)
    else
      reply.out_of_step = true
    end
  end
  connection.linked = at
end

local function linked_by_id(connection, frame)
  if frame.id == nil then return end
  local mine = frame.is_request and 'requests_by_id' or 'replies_by_id'
  local theirs = frame.is_request and 'replies_by_id' or 'requests_by_id'
  connection[mine] = connection[mine] or {}
  local other = connection[theirs] and connection[theirs][frame.id]
  if not other then
    connection[mine][frame.id] = frame
    return
  end
  connection[theirs][frame.id] = nil
  if frame.is_request then link(frame, other) else link(other, frame) end
end

-- A progress ack is to the request whose turn it is, and is not the answer.
local function answering(connection, frame)
  if frame.ack == 'progress' then
    local request = connection.requests[#connection.replies + 1]
    if connection.certain and request then frame.partner = request end
    return
  end
  -- An error that names no command, and ends the connection, is to no request.
  local known = ERRORS[frame.code]
  if frame.code and not frame.cmd and known and known.fatal then return end
  if connection.certain then
    local list = frame.is_request and connection.requests or connection.replies
    list[#list + 1] = frame
    linked_by_order(connection)
  else
    linked_by_id(connection, frame)
  end
end

local function give_up_order(connection) connection.certain = false end

-- Whether a flow is that of the client: who opened the connection; the ports; what the first header looks like.
local function is_client(flow, members)
  local connection = flow.connection
  if connection.client == nil then
    local is_reply = members.ack ~= nil or members.error ~= nil
    if is_reply ~= (members.cmd ~= nil) then
      connection.client = is_reply and flow.other_key or flow.key
    elseif members.error ~= nil and members.error.kind == 'object' then
      connection.client = flow.other_key
    else
      connection.client = flow.source_port > flow.target_port and flow.key or flow.other_key
    end
  end
  return connection.client == flow.key
end

local function add(items, item)
  items[#items + 1] = item
  return item
end

local function faulty(flow, packet, items, code, message, text, piece)
  local number = #flow.frames + 1
  flow.parts, flow.have = {}, 0
  if not flow.sure then
    flow.phase = 'seek'
    -- A head may begin within what was no length. Within a header that was none it is not looked for: to look at
    -- the same bytes again and again is what somebody hostile could make it do.
    flow.tail = #text == 4 and text or ''
    add(items, { type = 'skipped', from = flow.head_at, to = flow.next })
    return
  end
  flow.phase = 'over'
  local fault = { code = code, message = message }
  local frame = { number = number, position = flow.head_at, head_end = flow.next, body_end = flow.next, fault = fault, packet = packet.number, time = packet.time }
  flow.frames[number] = frame
  add(items, { type = 'head', frame = frame, from = flow.head_at, to = flow.next, text = text, piece = piece })
end

local function opened(flow, packet, items, text, piece)
  local members, why = parse_header(text:sub(5))
  if not members then return faulty(flow, packet, items, 'bad_header', why, text, piece) end
  local is_request = is_client(flow, members)
  local length, problem = body_length(members, is_request)
  if not length then return faulty(flow, packet, items, 'bad_body_length', problem, text, piece) end
  flow.sure = true
  flow.parts, flow.have = {}, 0
  local head_end = flow.next
  flow.next = head_end + length
  local frame = {
    number = #flow.frames + 1,
    position = flow.head_at,
    head_end = head_end,
    body_end = flow.next,
    packet = packet.number,
    time = packet.time,
    is_request = is_request,
  }
  local filename = string_in(members, 'filename')
  frame.filename = filename and label(filename)
  frame.id = members.id and members.id.raw
  frame.cmd = string_in(members, 'cmd')
  if is_request then
    frame.name = frame.cmd or '?'
  elseif members.error then
    frame.name = 'error'
    local details = members.error.kind == 'object' and members_of(text, members.error.from + 4) or {}
    frame.code = string_in(details, 'code') or '?'
    frame.answers = frame.cmd
  else
    frame.name = 'ack'
    frame.ack = string_in(members, 'ack') or '?'
    frame.answers = frame.ack
  end
  flow.frames[frame.number] = frame
  answering(flow.connection, frame)
  add(items, { type = 'head', frame = frame, from = flow.head_at, to = head_end, text = text, piece = piece })
end

-- Takes bytes of a head that begin where reading is; how far it went.
local function read_head(flow, piece, from, packet, items, max_header)
  if flow.have == 0 then flow.head_at = from end
  local need = 4 - flow.have
  if need <= 0 then need = flow.need - flow.have end
  local count = math.min(need, piece.to - from)
  local text = piece.get(from, count)
  if not text then
    -- The packet was cut when it was captured. Where the next frame begins cannot be known.
    add(items, { type = 'lost', from = from, to = piece.to, cut = true })
    give_up_order(flow.connection)
    flow.phase, flow.sure, flow.parts, flow.have, flow.tail = 'seek', false, {}, 0, ''
    flow.next = piece.to
    return piece.to
  end
  flow.parts[#flow.parts + 1] = text
  flow.have = flow.have + count
  flow.next = from + count
  local latest = items[#items]
  if latest and latest.type == 'part' and latest.to == from and latest.piece == piece then
    latest.to = flow.next
  else
    latest = add(items, { type = 'part', from = from, to = flow.next, piece = piece, flow = flow, head_at = flow.head_at })
  end
  if flow.have < 4 then return flow.next end
  if flow.have == 4 then
    local prefix = table.concat(flow.parts)
    flow.parts = { prefix }
    local length = length_in(prefix, 1)
    local why
    if length < 0 then
      why = 'the header length is ' .. length .. ', a negative number'
    elseif length == 0 then
      why = 'the header length is 0'
    elseif length > max_header then
      why = 'the header length is ' .. length .. ', and the most is ' .. max_header
    end
    if why then
      items[#items] = nil
      faulty(flow, packet, items, 'bad_header_length', why, prefix, piece)
      return flow.next
    end
    flow.need = 4 + length
  elseif flow.have == flow.need then
    items[#items] = nil
    opened(flow, packet, items, table.concat(flow.parts), piece)
    return math.min(flow.next, from + count)
  end
  return flow.next
end

-- Looks for a head in bytes of which nobody knows what they are; how far it went.
local function seek(flow, piece, from, items, max_header)
  local text = piece.get(from, piece.to - from)
  if not text then
    flow.tail, flow.next = '', piece.to
    add(items, { type = 'skipped', from = from, to = piece.to })
    return piece.to
  end
  local all_text = flow.tail .. text
  local origin = from - #flow.tail
  local at = 1
  while true do
    at = all_text:find('{"', at, true)
    if not at then break end
    if at > 4 and is_plausible(all_text, at - 4, max_header) then
      local position = origin + at - 5
      flow.phase, flow.tail = 'head', ''
      flow.head_at = position
      if position < from then
        -- Its first bytes came with the packet before: never all of it, or it would have been found there.
        flow.parts = { all_text:sub(at - 4, at - 5 + from - position) }
        flow.have = from - position
        if flow.have >= 4 then flow.need = 4 + length_in(all_text, at - 4) end
        flow.next = from
        return from
      end
      flow.parts, flow.have, flow.next = {}, 0, position
      if position > from then add(items, { type = 'skipped', from = from, to = position }) end
      return position
    end
    at = at + 1
  end
  flow.tail = all_text:sub(-40)
  flow.next = piece.to
  add(items, { type = 'skipped', from = from, to = piece.to })
  return piece.to
end

-- Reads a piece as far as it can be read; where it stopped: at its end, or at bytes that have to wait.
local function read_piece(flow, piece, packet, items, max_header)
  local at = piece.from
  while at < piece.to do
    if flow.phase == 'over' then
      add(items, { type = 'unread', from = at, to = piece.to, piece = piece })
      return piece.to
    elseif at < flow.next then
      local frame, behind = frame_at(flow, at)
      local to = math.min(piece.to, flow.next)
      if frame and at >= frame.head_end and at < frame.body_end then
        to = math.min(to, frame.body_end)
        add(items, { type = 'body', frame = frame, from = at, to = to, piece = piece })
      else
        if behind then to = math.min(to, behind.position) end
        if frame and at < frame.head_end then to = math.min(to, frame.head_end) end
        add(items, { type = 'late', from = at, to = to, piece = piece })
      end
      at = to
    elseif at > flow.next then
      return at
    elseif flow.phase == 'seek' then
      at = seek(flow, piece, at, items, max_header)
    else
      at = read_head(flow, piece, at, packet, items, max_header)
    end
  end
  return at
end

local function drain(flow, packet, items, max_header)
  local waiting = flow.waiting
  while waiting[1] and waiting[1].from <= flow.next do
    local piece = table.remove(waiting, 1)
    flow.waiting_bytes = flow.waiting_bytes - (piece.to - piece.from)
    piece.item.read_in = packet.number
    flow.hole_since = flow.connection.packets
    piece.from = read_piece(flow, piece, packet, items, max_header)
    -- What is left of it has to wait for a second time, behind a body that was not there before.
    if piece.from < piece.to then
      table.insert(waiting, 1, piece)
      flow.waiting_bytes = flow.waiting_bytes + (piece.to - piece.from)
      return
    end
  end
end

local function wait(flow, piece, from, packet, items)
  local text = piece.get(from, piece.to - from)
  local item = add(items, { type = 'waiting', from = from, to = piece.to, piece = piece })
  local held = { from = from, to = piece.to, came_in = packet.number, item = item }
  held.get = function(at, count)
    if text then return text:sub(at - from + 1, at - from + count) end
  end
  local waiting = flow.waiting
  if #waiting == 0 then flow.hole_since = flow.connection.packets end
  local at = #waiting + 1
  while at > 1 and waiting[at - 1].from > from do at = at - 1 end
  table.insert(waiting, at, held)
  flow.waiting_bytes = flow.waiting_bytes + (piece.to - from)
end

-- Gives up what is missing before the first bytes that wait, when it will not come any more.
local function give_up(flow, packet, items, max_header)
  while flow.waiting[1] do
    local first = flow.waiting[1]
    local too_much = #flow.waiting > MAX_PIECES or flow.waiting_bytes > MAX_WAITING
    local received = flow.acked and flow.acked >= first.from
      and flow.connection.packets - flow.hole_since >= PATIENCE
    if not (too_much or received) then return end
    add(items, { type = 'lost', from = flow.next, to = first.from })
    give_up_order(flow.connection)
    flow.phase, flow.sure, flow.parts, flow.have, flow.tail = 'seek', false, {}, 0, ''
    flow.next = first.from
    drain(flow, packet, items, max_header)
  end
end

-- Reads what one packet brought of one direction, once.
local function read_packet(flow, from, length, get, packet)
  local max_header = sluice.prefs.max_header
  local items = {}
  flow.connection.packets = flow.connection.packets + 1
  flow.top = math.max(flow.top, from + length)
  local fresh = unseen(flow, from, from + length)
  if #fresh == 0 then add(items, { type = 'again', from = from, to = from + length }) end
  for _, range in ipairs(fresh) do
    local piece = { from = range[1], to = range[2], get = get }
    local stopped = read_piece(flow, piece, packet, items, max_header)
    if stopped < piece.to then wait(flow, piece, stopped, packet, items) end
    drain(flow, packet, items, max_header)
  end
  give_up(flow, packet, items, max_header)
  return items
end

-- TCP ------------------------------------------------------------------------------------------------------------

local function in_ports(port)
  for part in tostring(sluice.prefs.ports):gmatch('[^,]+') do
    local low, high = part:match('^%s*(%d+)%s*%-%s*(%d+)%s*$')
    low = low or part:match('^%s*(%d+)%s*$')
    if low and port >= tonumber(low) and port <= tonumber(high or low) then return true end
  end
  return false
end

local function flow_of(connection, header, pinfo)
  local key, other_key = header.key, header.other_key
  local flow = connection.flows[key]
  if flow then return flow end
  flow = new_flow(connection, key)
  flow.other_key = other_key
  flow.source_port, flow.target_port = pinfo.src_port, pinfo.dst_port
  if connection.client == nil then
    local from_server, to_server = in_ports(pinfo.src_port), in_ports(pinfo.dst_port)
    if from_server ~= to_server then connection.client = to_server and key or other_key end
  end
  return flow
end

-- A position from a sequence number, which wraps: the one next to the last that was seen.
local function position_of(flow, sequence)
  local position = (sequence - flow.base) % 4294967296
  local rounds = math.floor((flow.top - position) / 4294967296 + 0.5)
  return position + rounds * 4294967296
end

local function two(number) return string.char(math.floor(number / 256), number % 256) end

local function number_at(text, at)
  local a, b, c, d = text:byte(at, at + 3)
  return ((a * 256 + b) * 256 + c) * 256 + d
end

-- Where the TCP header begins behind an IP header at `ip` (from 1), and where IP's packet ends; nil when it is none.
local function behind_ip(text, ip, version)
  if math.floor(text:byte(ip) / 16) ~= version then return nil end
  if version == 4 then
    local flags = text:byte(ip + 6) * 256 + text:byte(ip + 7)
    -- Fragments are for Wireshark to put together.
    if text:byte(ip + 9) ~= 6 or flags % 16384 ~= 0 then return nil end
    local length = text:byte(ip + 2) * 256 + text:byte(ip + 3)
    return ip + text:byte(ip) % 16 * 4, length > 0 and ip + length or nil
  end
  local length = text:byte(ip + 4) * 256 + text:byte(ip + 5)
  local next_header, at = text:byte(ip + 6), ip + 40
  -- Hop-by-hop options, routing, destination options.
  while next_header == 0 or next_header == 43 or next_header == 60 do
    if #text < at + 1 then return nil end
    next_header, at = text:byte(at), at + (text:byte(at + 1) + 1) * 8
  end
  if next_header ~= 6 then return nil end
  return at, length > 0 and ip + 40 + length or nil
end

-- The IP header before a TCP header at `tcp`: where it is, its version, and where IP's packet ends.
local function ip_before(text, tcp)
  for length = 20, 60, 4 do
    local ip = tcp - length
    if ip < 1 then break end
    if text:byte(ip) == 64 + length / 4 then
      local at, ends = behind_ip(text, ip, 4)
      if at == tcp then return ip, 4, ends end
    end
  end
  for length = 40, 104, 8 do
    local ip = tcp - length
    if ip < 1 then break end
    local at, ends = behind_ip(text, ip, 6)
    if at == tcp then return ip, 6, ends end
  end
end

-- The TCP header of a packet, from its bytes: the fields of Wireshark's own dissectors are not there in every pass,
-- and addresses may be shown as names. It is known by the ports, and by the IP header before it.
local function header_in_bytes(tvb, pinfo)
  local text = tvb:raw(0, math.min(tvb:len(), 512))
  local source, target = pinfo.src_port, pinfo.dst_port
  local ports = two(source) .. two(target)
  local tcp, ip, version, ends = 0, nil, nil, nil
  repeat
    tcp = text:find(ports, tcp + 1, true)
    if not tcp or #text < tcp + 19 then return nil end
    ip, version, ends = ip_before(text, tcp)
  until ip
  local flags = text:byte(tcp + 13)
  local payload = tcp + math.floor(text:byte(tcp + 12) / 16) * 4
  local length = math.max((ends or tvb:reported_len() + 1) - payload, 0)
  local captured = math.min(length, tvb:len() + 1 - payload)
  local at, size = ip + 12, 4
  if version == 6 then at, size = ip + 8, 16 end
  local one, other = text:sub(at, at + size - 1) .. two(source), text:sub(at + size, at + size * 2 - 1) .. two(target)
  return {
    key = one .. other,
    other_key = other .. one,
    sequence = number_at(text, tcp + 4),
    ack = math.floor(flags / 16) % 2 == 1 and number_at(text, tcp + 8) or nil,
    syn = math.floor(flags / 2) % 2 == 1,
    length = length,
    range = captured > 0 and tvb(payload - 1, captured) or nil,
  }
end

-- The same from the fields, for what is not in the packet's own bytes: fragments that were put together.
local function header_in_fields(pinfo)
  local sequence, length = value_of(tcp_seq), value_of(tcp_len)
  if not (sequence and length) then return nil end
  local payload = last(nil, tcp_payload())
  local source, target = last(nil, ip_src()) or last(nil, ipv6_src()), last(nil, ip_dst()) or last(nil, ipv6_dst())
  if not (source and target) then return nil end
  local one, other = source.range:raw() .. two(pinfo.src_port), target.range:raw() .. two(pinfo.dst_port)
  return {
    key = one .. other,
    other_key = other .. one,
    sequence = sequence,
    ack = value_of(tcp_has_ack) and value_of(tcp_ack) or nil,
    syn = value_of(tcp_syn),
    length = length,
    range = payload and payload.range,
  }
end

-- The connection that a packet belongs to. A SYN with another number is a new one on the same ports.
local function connection_of(header)
  local key, other_key = header.key, header.other_key
  local pair = key < other_key and key or other_key
  local connection = connections[pair]
  if header.syn then
    local begins = (header.sequence + 1) % 4294967296
    local known = connection and connection.begins[key]
    if not connection or (known or begins) ~= begins or (connection.sluice and not known and not header.ack) then
      connection = new_connection()
      connections[pair] = connection
    end
    connection.begins[key] = begins
    connection.client = header.ack and other_key or key
  elseif not connection and handed then
    connection = new_connection()
    connections[pair] = connection
  end
  if connection and handed then connection.sluice = true end
  return connection
end

-- Showing --------------------------------------------------------------------------------------------------------

-- Which frame it is: `put notes.txt`.
local function name_of(frame)
  local name = frame.is_request and frame.name or frame.code and 'error ' .. frame.code or 'ack ' .. frame.ack
  return label(name, 64) .. (frame.filename and ' ' .. frame.filename or '')
end

-- What it says, in a few words: `put notes.txt 1,234 bytes`, `ack put`, `error crc-mismatch`.
local function said_of(frame)
  if frame.fault then return 'fault' end
  local body = frame.body_end - frame.head_end
  local known = COMMANDS[frame.name]
  local size = (body > 0 or (frame.is_request and known and known.body)) and ' ' .. bytes_of(body) or ''
  if frame.is_request then return name_of(frame) .. size end
  if frame.code then return 'error ' .. label(frame.code, 64) .. size end
  return body > 0 and name_of(frame) .. size or 'ack ' .. label(frame.ack, 64)
end

-- A part of what TCP carried in this packet, as far as it was captured; nil when it is not in this packet.
local function range_of(range, packet, from, to)
  if not range then return nil end
  local at = from - packet.from
  local count = math.min(to, packet.from + range:len()) - from
  if at < 0 or count <= 0 then return nil end
  return range:range(at, count)
end

-- A whole number as Wireshark takes those of 64 bits, in two halves. Lua's doubles hold it exactly.
local function big(value) return UInt64.new(value % 4294967296, math.floor(value / 4294967296)) end

local function generated(tree, field, range, value)
  local item = range and tree:add(field, range, value) or tree:add(field, value)
  item:set_generated()
  return item
end

local function show_member(tree, member, range_at)
  local known = by_name[member.name]
  local range = range_at(member.from, member.to)
  if not known then return end
  if member.name == 'token' then
    -- The bytes are in the packet for all to see. This keeps them out of columns, exports and screenshots.
    local shown_as = member.kind == 'string' and '(' .. grouped(#member.value) .. ' bytes, not shown)' or '(not shown)'
    tree:add(known.field, range, shown_as)
    return
  end
  local kind, value = known.kind, member.value
  local number = member.kind == 'number' and value == math.floor(value) and math.abs(value) <= SAFE
  if kind == 'string' and member.kind == 'string' then
    tree:add(known.field, range, label(value, 4096))
  elseif kind == 'string' then
    tree:add(known.field, range, label(member.raw, 4096))
  elseif kind == 'boolean' and member.kind == 'boolean' then
    tree:add(known.field, range, value)
  elseif kind == 'crc32' and number and value >= 0 and value <= 4294967295 then
    tree:add(known.field, range, value)
  elseif kind == 'bytes' and number and value >= 0 then
    tree:add(known.field, range, big(value))
  elseif kind == 'integer' and number then
    tree:add(known.field, range, Int64.new(value % 4294967296, math.floor(value / 4294967296) % 4294967296))
  else
    local item = tree:add(range, member.name .. ': ' .. label(member.raw))
    item:append_text(' (not as the protocol wants it)')
  end
end

local function show_error(tree, member, text, range_at)
  if member.kind ~= 'object' then return end
  -- The text is the whole head, of which the header begins at 5.
  local details = members_of(text, member.from + 4)
  local subtree = tree:add(range_at(member.from, member.to), 'Error')
  for _, name in ipairs({ 'code', 'message' }) do
    local detail = details[name]
    if detail and detail.kind == 'string' then
      subtree:add(f[name], range_at(detail.from - 4, detail.to - 4), label(detail.value, 4096))
    end
  end
  local known = ERRORS[string_in(details, 'code')]
  if known then
    generated(subtree, f.fatal, nil, known.fatal)
    generated(subtree, f.blame, nil, known.blame)
    if known.fatal then
      subtree:add_proto_expert_info(e.fatal_error, 'Fatal error: ' .. known.message)
      return
    end
  end
  subtree:add_proto_expert_info(e.refused)
end

-- The header's text as it is shown: with no token in it.
local function redacted(text, order)
  local parts, at = {}, 1
  for _, member in ipairs(order) do
    if member.name == 'token' then
      parts[#parts + 1] = text:sub(at, member.from - 1)
      parts[#parts + 1] = '"…"'
      at = member.to + 1
    end
  end
  parts[#parts + 1] = text:sub(at)
  return table.concat(parts)
end

local function show_partner(tree, frame)
  local partner = frame.partner
  if not partner then return end
  generated(tree, frame.is_request and f.response_in or f.response_to, nil, partner.packet)
  local seconds = frame.is_request and partner.time - frame.time or frame.time - partner.time
  local nanos = math.floor(seconds * 1e9 + 0.5)
  local whole = nanos >= 0 and math.floor(nanos / 1e9) or -math.floor(-nanos / 1e9)
  generated(tree, f.time, nil, NSTime.new(whole, nanos - whole * 1e9))
end

local function show_head(tree, item, range, text)
  local frame = item.frame
  -- A range of the header's own text, counted from 1 as Lua does.
  local function range_at(from, to) return range:range(3 + from, to - from + 1) end
  generated(tree, f.number, nil, frame.number)
  generated(tree, f.position, nil, big(frame.position))
  local length = length_in(text, 1)
  local length_item = tree:add_le(f.header_length, range:range(0, 4))
  local members, order
  if #text > 4 and #text == 4 + length then
    members, order = parse_header(text:sub(5))
    if members then
      tree:add(f.header, range:range(4, length), label(redacted(text:sub(5), order), 65536))
    end
  end
  if frame.fault then
    local at = #text > 4 and tree or length_item
    at:add_proto_expert_info(e[frame.fault.code], frame.fault.message)
  end
  if not members then return end
  if not frame.fault then
    generated(tree, frame.is_request and f.request or f.reply, nil, true)
    generated(tree, f.body_length, nil, big(frame.body_end - frame.head_end))
  end
  for _, member in ipairs(order) do
    -- Of two of one name the last one counts.
    if members[member.name] == member then
      if member.name == 'ack' and member.kind == 'string' then
        tree:add(f.ack, range_at(member.from, member.to), label(member.value, 4096))
      elseif member.name == 'error' then
        show_error(tree, member, text, range_at)
      else
        show_member(tree, member, range_at)
      end
    end
  end
  if frame.fault then return end
  if frame.is_request then
    local command = COMMANDS[frame.cmd]
    if not command then tree:add_proto_expert_info(e.unknown_command) end
    for _, name in ipairs(command and command.required or {}) do
      if not members[name] then
        tree:add_proto_expert_info(e.missing_field, "'" .. name .. "' is missing")
      end
    end
  end
  if frame.out_of_step then tree:add_proto_expert_info(e.out_of_step) end
  show_partner(tree, frame)
end

local function show_body(tree, item, range)
  local frame = item.frame
  local length = frame.body_end - frame.head_end
  local from, to = item.from - frame.head_end, item.to - frame.head_end
  local text = 'Body bytes ' .. grouped(from) .. '..' .. grouped(to - 1) .. ' of ' .. grouped(length)
  local body = range and tree:add(range, text) or tree:add(text)
  body:append_text(' of ' .. name_of(frame))
  generated(body, f.body_offset, range, big(from))
  generated(body, f.body_bytes, range, to - from)
  generated(body, f.body_of, range, frame.packet)
  if item.piece.came_in then generated(body, f.came_in, nil, item.piece.came_in) end
  return text:sub(1, 1):lower() .. text:sub(2) .. ' of ' .. name_of(frame)
end

local sayings = {
  again = 'sent again, nothing new',
  late = 'bytes without a place',
  unread = 'behind a fault, not read',
  skipped = 'skipped, looking for a header',
  waiting = 'out of order',
  part = 'part of a head',
}

local function lost_text(item)
  local count = bytes_of(item.to - item.from)
  if item.cut then return count .. ' of a head were cut off when the packet was captured' end
  return count .. ' are missing in the capture before this'
end

-- What a packet holds, into the tree and the columns.
local function show(packet, range, pinfo, tree)
  local said = {}
  pinfo.cols.protocol = 'Sluice'
  local head_tree
  local head_frame
  for _, item in ipairs(packet.items) do
    local here = range_of(range, packet, item.from, item.to)
    if item.piece and item.piece.came_in then here = nil end
    if item.type == 'head' then
      local whole = item.text == nil
      local text, head_range
      if whole then
        head_range = here
        text = here and here:raw()
      else
        text = item.text
        head_range = ByteArray.new(text, true):tvb('Sluice header')():range()
      end
      if text and head_range then
        head_tree = tree:add(sluice, head_range, 'Sluice, ' .. said_of(item.frame))
        head_frame = item.frame
        show_head(head_tree, item, head_range, text)
        said[#said + 1] = item.frame.fault and item.frame.fault.message or said_of(item.frame)
      end
    elseif item.type == 'body' then
      local root = head_frame == item.frame and head_tree
      local alone = not root
      root = root or (here and tree:add(sluice, here, 'Sluice') or tree:add(sluice, 'Sluice'))
      local text = show_body(root, item, here)
      if alone then
        root:append_text(', ' .. text)
        said[#said + 1] = text
      end
    else
      local text = item.type == 'lost' and lost_text(item)
        or sayings[item.type] .. ', ' .. bytes_of(item.to - item.from)
      local root = here and tree:add(sluice, here, 'Sluice, ' .. text) or tree:add(sluice, 'Sluice, ' .. text)
      said[#said + 1] = text
      if item.type == 'lost' then
        root:add_proto_expert_info(e.lost, text)
      elseif item.type == 'waiting' then
        generated(root, f.waiting, here, item.to - item.from)
        if item.read_in then generated(root, f.read_in, nil, item.read_in) end
        root:add_proto_expert_info(e.ahead, text)
      elseif item.type == 'part' then
        generated(root, f.part, here, item.to - item.from)
        local frame = frame_at(item.flow, item.head_at)
        if frame and frame.position == item.head_at then generated(root, f.head_in, nil, frame.packet) end
      elseif e[item.type] then
        root:add_proto_expert_info(e[item.type], text)
      end
    end
  end
  local most = 8
  if #said > most then said[most] = 'and ' .. (#said - most + 1) .. ' more' end
  pinfo.cols.info = table.concat(said, ', ', 1, math.min(#said, most))
end

-- The dissectors -------------------------------------------------------------------------------------------------

-- The heads that are whole in this packet need not be kept: they can be read there again.
local function kept(items, from, length)
  for _, item in ipairs(items) do
    if item.type == 'head' and not item.piece.came_in and item.from >= from and item.to <= from + length then
      item.text = nil
    end
    if item.piece then item.piece = { came_in = item.piece.came_in } end
  end
  return items
end

-- Reads a packet: once, and in the order of the capture.
local function read_header(header, connection, pinfo)
  local key = header.key
  local other = connection.flows[header.other_key]
  if other and other.base and header.ack then
    other.acked = math.max(other.acked or 0, position_of(other, header.ack))
  end
  local length = header.length
  if length == 0 then return end
  local flow = flow_of(connection, header, pinfo)
  local sequence = header.syn and header.sequence + 1 or header.sequence
  if not flow.base then
    flow.base = connection.begins[key] or sequence
    if not connection.begins[key] then
      flow.sure = false
      give_up_order(connection)
    end
  end
  local from = position_of(flow, sequence)
  local range = header.range
  local function get(at, count)
    if range and at - from + count <= range:len() then return range:raw(at - from, count) end
  end
  -- The first that is seen of a connection may be what TCP put in order before: the packets that came early, too.
  local text = handed and #flow.covered == 0 and range and range:len() == length and handed.text
  if text and #text > length and text:sub(1, length) == range:raw() then
    get = function(at, count) return text:sub(at - from + 1, at - from + count) end
    length = #text
  end
  local packet = { number = pinfo.number, time = pinfo.rel_ts }
  local items = kept(read_packet(flow, from, length, get, packet), from, header.length)
  shown[pinfo.number] = { items = items, from = from }
end

-- Whether a packet's turn has come. Where neither bytes nor fields said anything in the first pass (fragments), it
-- is read when Wireshark comes to it again, which must be in the same order.
local function in_turn(pinfo)
  while blind[blind.at] and blind[blind.at] < pinfo.number do
    if not shown[blind[blind.at]] then return false end
    blind.at = blind.at + 1
  end
  return true
end

local PT_TCP = 2

local function dissect_packet(tvb, pinfo, tree)
  if pinfo.port_type ~= PT_TCP then return end
  local seen = shown[pinfo.number]
  if not seen and latest >= pinfo.number then return end
  local header = header_in_bytes(tvb, pinfo) or header_in_fields(pinfo)
  if not header then
    if handed and not pinfo.visited then blind[#blind + 1] = pinfo.number end
    return
  end
  if not seen then
    if not in_turn(pinfo) then
      if handed then
        tree:add(sluice, 'Sluice, not read yet'):add_proto_expert_info(e.unordered, 'The packets before it come first')
      end
      return
    end
    latest = pinfo.number
    local connection = connection_of(header)
    if header.syn then spoken[pinfo.src_port .. '>' .. pinfo.dst_port] = nil end
    if not (connection and connection.sluice) then return end
    read_header(header, connection, pinfo)
    seen = shown[pinfo.number]
  end
  if seen then show(seen, header.range, pinfo, tree) end
end

-- What had a port before it: HTTP has 8080, and keeps the connections there that speak it. TLS is found by Wireshark.
local before = {}
local METHODS = { 'GET ', 'HEAD', 'POST', 'PUT ', 'PATC', 'DELE', 'OPTI', 'CONN', 'TRAC', 'PRI ', 'HTTP' }

local function protocol_in(tvb)
  local text = tvb:raw(0, math.min(tvb:len(), 4))
  if text:find('^\22\3') then return 'tls' end
  for _, method in ipairs(METHODS) do
    if text == method then return 'http' end
  end
  return 'sluice'
end

-- What a direction speaks is decided by the first that is seen of it. Addresses compare as bytes; as text they may
-- become names at any time.
local function spoken_in(tvb, pinfo)
  local ports = pinfo.src_port .. '>' .. pinfo.dst_port
  local list = spoken[ports] or {}
  spoken[ports] = list
  for _, one in ipairs(list) do
    if one.source == pinfo.src and one.target == pinfo.dst then return one.protocol end
  end
  list[#list + 1] = { source = pinfo.src, target = pinfo.dst, protocol = protocol_in(tvb) }
  return list[#list].protocol
end

function sluice.dissector(tvb, pinfo, tree)
  local protocol = spoken_in(tvb, pinfo)
  if protocol == 'tls' then return 0 end
  if protocol == 'http' then
    local other = before[pinfo.dst_port] or before[pinfo.src_port]
    if other then return other:call(tvb, pinfo, tree) end
  end
  -- What TCP put together from several packets does not lie in this one.
  handed = { text = tvb:offset() == 0 and latest < pinfo.number and tvb:raw() or nil }
  return tvb:len()
end

function sluice_post.dissector(tvb, pinfo, tree)
  dissect_packet(tvb, pinfo, tree)
  handed = nil
end
register_postdissector(sluice_post)

sluice:register_heuristic('tcp', function(tvb, pinfo, tree)
  if not sluice.prefs.heuristic then return false end
  if not is_plausible(tvb:raw(0, math.min(tvb:len(), 64)), 1, sluice.prefs.max_header) then return false end
  pinfo.conversation = sluice
  sluice.dissector(tvb, pinfo, tree)
  return true
end)

local tcp_ports = DissectorTable.get('tcp.port')
local registered
local function register()
  if registered then
    tcp_ports:remove(registered, sluice)
    for port, other in pairs(before) do tcp_ports:add(port, other) end
  end
  before = {}
  registered = tostring(sluice.prefs.ports)
  for port in registered:gmatch('%d+') do before[tonumber(port)] = tcp_ports:get_dissector(tonumber(port)) end
  tcp_ports:add(registered, sluice)
end
register()
function sluice.prefs_changed()
  if tostring(sluice.prefs.ports) ~= registered then register() end
end
