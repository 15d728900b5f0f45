"""receiver.c for machines without a C compiler: the same arguments, and the same discarding of what comes."""
import re
import socket
import struct
import sys
import time

protocol, port, name = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode()
start = time.monotonic()
sock = socket.create_connection(('127.0.0.1', port))
if protocol == 'http':
    sock.sendall(b'GET /%s HTTP/1.1\r\nHost: b\r\n\r\n' % name)
else:
    head = b'{"cmd": "get", "filename": "%s", "id": 1}' % name
    sock.sendall(struct.pack('<i', len(head)) + head)

data, left = b'', -1
while left < 0:
    got = sock.recv(2048)
    if not got:
        sys.exit('the head of the answer did not come: %r' % data)
    data += got
    if protocol == 'http':
        end = data.find(b'\r\n\r\n') + 4
        if end < 4:
            continue
        if not data.startswith(b'HTTP/1.1 200'):
            sys.exit('refused: %r' % data)
        length = re.search(rb'Content-Length: (\d+)', data[:end])
    else:
        if len(data) < 4 or len(data) < 4 + struct.unpack_from('<i', data)[0]:
            continue
        end = 4 + struct.unpack_from('<i', data)[0]
        length = re.search(rb'"body":(\d+)', data[:end])
    if not length:
        sys.exit('the answer has no length: %r' % data[:end])
    left = int(length.group(1)) - (len(data) - end)

room = bytearray(1 << 20)
while left > 0:
    got = sock.recv_into(room, min(left, len(room)), socket.MSG_TRUNC)
    if got <= 0:
        sys.exit('the body ended too early')
    left -= got
print('%.6f' % (time.monotonic() - start))
