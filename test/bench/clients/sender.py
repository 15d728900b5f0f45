"""sender.c for machines without a C compiler: the same arguments, the same sendfile, slower for small files."""
import os
import select
import socket
import sys

from client import connect_to, now, put_head, put_reply, report

protocol, address, window, directory, count, *prefix = sys.argv[1:]
window, count, prefix = int(window), int(count), ''.join(prefix).encode()


def name_of(i):
    return b'%sf%05d' % (prefix, i)


start = now()
sock = connect_to(address)
sock.setblocking(False)
mute, sent, replies, file, head, offset, size, data = protocol == 'mute', 0, 0, None, b'', 0, 0, bytearray()
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
        while end := put_reply(protocol, data, at, name_of(replies)):
            at, replies = end, replies + 1
        del data[:at]
    if not writable:
        continue
    if file is None:
        file = os.open('%s/f%05d' % (directory, sent), os.O_RDONLY)
        size, offset = os.fstat(file).st_size, 0
        head = put_head(protocol, name_of(sent), size)
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
report(start)
