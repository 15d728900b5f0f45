"""The lesson's server: receives files over TCP into a directory and never sends a reply.

usage: plain_server.py DIR [PORT]

Prints its port once it listens.
"""
import json
import os
import socketserver
import struct
import sys

root = os.path.realpath(sys.argv[1])
port = int(sys.argv[2]) if len(sys.argv) > 2 else 0


class Receive(socketserver.StreamRequestHandler):
    def handle(self):
        while prefix := self.rfile.read(4):
            head = json.loads(self.rfile.read(struct.unpack('i', prefix)[0]).decode('utf-8'))
            path = os.path.realpath(os.path.join(root, head['filename']))
            if os.path.commonpath([root, path]) != root:
                raise ValueError('not below the directory: ' + head['filename'])
            os.makedirs(os.path.dirname(path), exist_ok=True)
            left = head['filesize']
            with open(path, 'wb') as target:
                while left > 0:
                    data = self.rfile.read(min(left, 65536))
                    if not data:
                        raise EOFError('the connection ended in the middle of ' + head['filename'])
                    target.write(data)
                    left -= len(data)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


with Server(('127.0.0.1', port), Receive) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
