"""Writes a pcap file as pcapng, with nothing in it but the packets: no names of machines or programs."""
import struct
import sys

source, target = sys.argv[1:]
data = open(source, 'rb').read()
magic, _, _, _, _, snap, link = struct.unpack_from('<IHHiIII', data)
per_second = {0xA1B2C3D4: 10**6, 0xA1B23C4D: 10**9}[magic]


def block(kind, body):
    body += bytes(-len(body) % 4)
    size = len(body) + 12
    return struct.pack('<II', kind, size) + body + struct.pack('<I', size)


resolution = struct.pack('<HHB3x', 9, 1, 9 if per_second == 10**9 else 6)
out = [block(0x0A0D0D0A, struct.pack('<IHHq', 0x1A2B3C4D, 1, 0, -1))]
out.append(block(1, struct.pack('<HHI', link, 0, snap) + resolution + struct.pack('<HH', 0, 0)))
at = 24
while at < len(data):
    seconds, fraction, kept, length = struct.unpack_from('<IIII', data, at)
    at += 16
    ticks = seconds * per_second + fraction
    head = struct.pack('<IIIII', 0, ticks >> 32, ticks & 0xFFFFFFFF, kept, length)
    out.append(block(6, head + data[at : at + kept]))
    at += kept
open(target, 'wb').write(b''.join(out))
