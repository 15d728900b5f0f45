"""Three connections from the same port: two that are aborted, and one that ends in good order."""
import socket
import struct
import sys

message = struct.pack('>HHHHHH', 7, 0x0100, 1, 0, 0, 0) + b'\5host7\7example\0' + struct.pack('>HH', 1, 1)
query = struct.pack('>H', len(message)) + message

for number in range(3):
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if number < 2:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        connection.bind(('127.0.0.1', 40000))
        connection.connect((sys.argv[1], 53))
        replies = connection.makefile('rb')
        for _ in range(number + 1):
            connection.sendall(query)
            replies.read(struct.unpack('>H', replies.read(2))[0])
        replies.close()
