"""sender.c for machines without a C compiler: the same arguments, the same sendfile, slower for small files."""
import os
import re
import select
import socket
import struct
import sys
import time

mode, port, window, directory, count = sys.argv[1:]
port, window, count = int(port), int(window), int(count)


def header(i, size):
    if mode == 'http':
        return b'PUT /f%05d HTTP/1.1\r\nHost: b\r\nContent-Length: %d\r\n\r\n' % (i, size)
    # An id says that we read the replies; a plain script has none, and acks to it may wait until it is done.
    head = b'{"cmd": "put", "filename": "f%05d", "filesize": %d' % (i, size)
    head += b'}' if mode == 'mute' else b', "id": %d}' % i
    return struct.pack('<i', len(head)) + head


def reply(data, at):
    """The end of the whole reply at `at`, or 0 when it has not all come. Exits unless it is a success."""
    if mode == 'http':
        end = data.find(b'\r\n\r\n', at)
        if end < 0:
            return 0
        head = bytes(data[at:end])
        if head[:12] not in (b'HTTP/1.1 201', b'HTTP/1.1 204') or b'chunked' in head:
            sys.exit('reply %d: %r' % (replies, head))
        length = re.search(rb'Content-Length: (\d+)', head)
        end += 4 + (int(length.group(1)) if length else 0)
        return end if end <= len(data) else 0
    if len(data) - at < 4:
        return 0
    end = at + 4 + struct.unpack_from('<i', data, at)[0]
    if end > len(data):
        return 0
    head = bytes(data[at + 4 : end])
    if b'"error"' in head or b'"ack"' not in head or b'"f%05d"' % replies not in head:
        sys.exit('reply %d: %r' % (replies, head))
    return end


start = time.monotonic()
sock = socket.create_connection(('127.0.0.1', port))
sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
sock.setblocking(False)
mute, sent, replies, file, head, offset, size, data = mode == 'mute', 0, 0, None, b'', 0, 0, bytearray()
while (sent if mute else replies) < count:
    may_send = sent < count and (file is not None or mute or sent - replies < window)
    readable, writable, _ = select.select([] if mute else [sock], [sock] if may_send else [], [], 60)
    if not readable and not writable:
        sys.exit('nothing happened for 60 s: %d sent, %d replies' % (sent, replies))
    if readable:
        got = sock.recv(65536)
        if not got:
            sys.exit('the server closed after %d replies' % replies)
        data += got
        at = 0
        while end := reply(data, at):
            at, replies = end, replies + 1
        del data[:at]
    if not writable:
        continue
    if file is None:
        file = os.open('%s/f%05d' % (directory, sent), os.O_RDONLY)
        size, offset = os.fstat(file).st_size, 0
        head = header(sent, size)
    try:
        if head:
            head = head[sock.send(head, socket.MSG_MORE if size else 0) :]
        if not head and offset < size:
            offset += os.sendfile(sock.fileno(), file, offset, min(size - offset, 1 << 20))
    except BlockingIOError:
        continue
    if not head and offset == size:
        os.close(file)
        file, sent = None, sent + 1
print('%.6f' % (time.monotonic() - start))
