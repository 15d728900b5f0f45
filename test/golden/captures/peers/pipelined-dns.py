"""Asks a resolver many questions in one write, and reads all the answers."""
import socket
import struct
import sys

host, count = sys.argv[1], int(sys.argv[2])


def query(number):
    name = b''.join(bytes([len(part)]) + part for part in (b'host%d' % number, b'example'))
    message = struct.pack('>HHHHHH', number, 0x0100, 1, 0, 0, 0) + name + b'\0' + struct.pack('>HH', 1, 1)
    return struct.pack('>H', len(message)) + message


with socket.create_connection((host, 53)) as connection:
    replies = connection.makefile('rb')
    connection.sendall(b''.join(query(number) for number in range(1, count + 1)))
    for _ in range(count):
        replies.read(struct.unpack('>H', replies.read(2))[0])
