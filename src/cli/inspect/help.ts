/** What `sluice inspect --help` says below its options. */
import { exitStatusHelp } from '../shared/exit-status.ts';

export const inspectHelp = `
FILE is a pcap or pcapng, as tcpdump, Wireshark and "sluice serve --record"
write them, compressed with gzip, with zstd (where Node is 22.15 or newer), or
not; - is stdin. Several FILEs are read as one, by the times of their packets:
rotated files, or those of several interfaces; packets are numbered anew.

Prints a block for each TCP connection, with a row for each frame: who sent it
(→ the client, ← the server), when its first byte was captured, how long it took
until the last of it could be handed on, its bytes, and how many chunks carried
it: "cut" in more than one, "glued" in one with others. At the end it tells what
was not read: how many packets, and why.

Links are Ethernet, Linux cooked, loopback, raw IP, PPP, Cisco HDLC, Frame
Relay, 802.11 (also with radiotap, Prism or AVS), PPI and NFLOG. Tunnels are
looked into, eight deep: VXLAN, Geneve, GRE (ERSPAN, NVGRE, PPTP), IP in IP,
GTP-U, L2TP, EtherIP, MPLS in IP and UDP, and MPLS pseudo-wires. The same
addresses inside and outside of a tunnel are two conversations.

Frames are found by --preset, or by --length-field; else by the server's port,
or Sluice's own wire and HTTP/1 by their first bytes. --decode-as says it for
one port, as a preset or the keys of a length field, and may be given again. The
keys of --length-field are width (1, 2, 3, 4, 8 or varint), endian (big,
little), signed, offset, counts (body, field, frame), adjustment and max, as in
the library.

--only takes the number of a conversation, an address, a host or a :PORT of one
of its ends; it may be given again.

--after and --before leave what was captured in that time: a time of day (UTC
unless it says a zone), or since the first packet, as +1.5, +500ms or +2m. What
is before it is read, so that conversations keep their numbers and frames are
found, but is not shown; what is behind it is not read. Totals of a conversation
in JSON ("close") are of all that was read of it.

--list prints a row for each conversation: its number, protocol, ends, start,
duration, and of each side bytes and frames. --sort takes one of number,
protocol, client, server, start, duration, bytes, client-bytes, server-bytes,
frames, client-frames, server-frames, faults and gaps; with - in front the
greatest comes first. Of more than 50,000 conversations, --sort keeps those that
come first, and says how many others there are. With --json a row is an object
with the type conversation. A terminal of fewer than 161 columns shows those
that fit, ends and bytes first: a ! behind a number says that there are faults
or gaps. One of fewer than 68 gets words.

--find prints where TEXT, or bytes as 0xHEX, are in what a side sent, across
packets and frames: the side (for --follow), the place in it, when the packet
with the last of them was captured, and what is around. Exits with 1 when
nothing is found. With --list it lists the conversations with them, with --write
it writes those.

--write makes a pcapng of the packets of the conversations that --only, --find
and the time leave, with their bytes, times and link layers. It reads FILE
twice, so not from a pipe. A file that is there is replaced with --force only.

Behind a gap, and from the middle of a connection on, frames of bgp, mqtt,
postgresql, smb and tls are found again where several heads follow one another
and surely are some; a row "found" says where, and how many bytes were passed
over.

--json prints one object a line, with a type: open, framing, frame, gap, fault,
found-again (position, reason, skipped, missing, packet), conflict, ignored (a
packet that its receiver does not heed, as a RST outside of the window; why says
it), end, reset, after-reset (how many packets and bytes came behind a reset,
and are in no chunk), close, and with --chunks chunk. All have the number of
their conversation, and a side (from: client, server) where they belong to one.
A frame has number, position, head and length (bytes), label, state (whole,
incomplete, unfinished), missing, firstPacket, lastPacket, capturedAt,
deliverableAt, chunks, firstShared and lastShared (how many other frames are in
its first and last chunk), glued, cut and hex (its first 64 bytes). A chunk has
length and hex: its first 64 bytes, or as many as --chunk-bytes says. Times are
nanoseconds since 1970, as strings; beside each is the same in ISO 8601, with
Iso behind its name.

What belongs to no conversation has types of its own: skipped (a packet that is
damaged or cut), fragment-conflict (IP fragments that overlap and differ), and
at the end, if packets were not read, unread: packets (how many), reasons (the
most frequent first, each with why, message, packets and firstPacket), and
others (how many packets have reasons that were forgotten, as there were more
than 256).

--follow writes the bytes of one side of a conversation to stdout, and nothing
else: 3:client or 3:server, by the number that the table shows. Where bytes are
missing in the recording it goes on behind them, says so at the end, and exits
with 1.

On a terminal, labels are cut to its width, and --color auto colours what is
wrong, unless NO_COLOR is set or TERM is dumb. Elsewhere nothing is cut.

--html writes a page that draws chunks and frames side by side: it needs nothing
but a browser.

Examples:
  sluice inspect trace.pcap
  tcpdump -i lo -w - port 5432 | sluice inspect - --preset postgresql
  tcpdump -w - udp port 4789 | sluice inspect - --only :5432   # in a VXLAN
  sluice inspect trace.pcapng --length-field width=4,endian=little,counts=frame
  sluice inspect trace.pcap --json | jq 'select(.type == "frame" and .cut)'
  sluice inspect trace.pcap --only 3 --html trace.html
  sluice inspect trace.pcap --follow 3:client > sent.bin
  sluice inspect trace.pcap0 trace.pcap1 --list --sort -bytes
  sluice inspect trace.pcap --find "DROP TABLE" --after +60 --before +2m
  sluice inspect trace.pcap --find 0xdeadbeef --write found.pcapng
  sluice inspect trace.pcap --decode-as 8053=dns --decode-as 7000=width=4
  sluice inspect trace.pcap --color always | less -R
${exitStatusHelp}`;
