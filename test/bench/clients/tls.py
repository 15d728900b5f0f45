"""tls.c for machines without a C compiler or OpenSSL's headers: the same arguments, and writes of the same size."""
import mmap
import ssl
import sys

from client import connect_to, get_head, get_reply, now, put_head, put_reply, report

what, protocol, address, *path, name = sys.argv[1:]
name = name.encode()
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
context.minimum_version = ssl.TLSVersion.TLSv1_3
if what == 'put':
    with open(path[0], 'rb') as file:
        bytes_of_file = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
sock = context.wrap_socket(connect_to(address))

start = now()
if what == 'put':
    sock.sendall(put_head(protocol, name, len(bytes_of_file)))
    for at in range(0, len(bytes_of_file), 1 << 20):
        sock.sendall(bytes_of_file[at : at + (1 << 20)])
else:
    sock.sendall(get_head(protocol, name))
data, answer = b'', None
while not answer:
    got = sock.recv(65536)
    if not got:
        sys.exit('the answer did not come: %r' % data)
    data += got
    answer = put_reply(protocol, data, 0, name) if what == 'put' else get_reply(protocol, data)
if what == 'get':
    end, length = answer
    left, room = length - (len(data) - end), bytearray(1 << 18)
    while left > 0:
        got = sock.recv_into(room, min(left, len(room)))
        if got <= 0:
            sys.exit('the body ended too early')
        left -= got
report(start)
