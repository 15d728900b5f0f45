"""receiver.c for machines without a C compiler: the same arguments, and the same discarding of what comes."""
import socket
import sys

from client import connect_to, get_head, get_reply, now, report

protocol, address, name = sys.argv[1], sys.argv[2], sys.argv[3].encode()
start = now()
sock = connect_to(address)
sock.sendall(get_head(protocol, name))

data, answer = b'', None
while answer is None:
    # Little at once, so that the body is left to be discarded.
    got = sock.recv(2048)
    if not got:
        sys.exit('the head of the answer did not come: %r' % data)
    data += got
    answer = get_reply(protocol, data)
end, length = answer
left = length - (len(data) - end)

room, flags = bytearray(1 << 20), 0 if '/' in address else socket.MSG_TRUNC
while left > 0:
    got = sock.recv_into(room, min(left, len(room)), flags)
    if got <= 0:
        sys.exit('the body ended too early')
    left -= got
report(start)
