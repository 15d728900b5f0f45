"""Sends Sluice three requests in one write, as a plain script would, then reads until the server closes."""
import json
import socket
import struct
import sys


def request(body=b'', **header):
    head = json.dumps(header).encode()
    return struct.pack('<i', len(head)) + head + body


with socket.create_connection(('127.0.0.1', int(sys.argv[1]))) as connection:
    connection.sendall(
        request(b'plain', cmd='put', filename='plain.txt', filesize=5)
        + request(cmd='ping', id=1)
        + request(cmd='get', id=2, filename='plain.txt')
    )
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(65536):
        pass
