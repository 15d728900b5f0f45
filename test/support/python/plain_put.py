"""The lesson's client: sends files over one TCP connection and never reads a reply.

usage: plain_put.py HOST PORT [--piece BYTES] FILE[=NAME]...

Each file goes as it lies (or as NAME), in pieces of BYTES, or of random sizes.
"""
import json
import os
import random
import socket
import struct
import sys

host, port, *files = sys.argv[1:]
piece = 0
if files[0] == '--piece':
    piece, files = int(files[1]), files[2:]

client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
client.connect((host, int(port)))
for file in files:
    path, _, name = file.partition('=')
    head = json.dumps({'cmd': 'put', 'filename': name or path, 'filesize': os.path.getsize(path)}).encode('utf-8')
    client.sendall(struct.pack('i', len(head)))
    client.sendall(head)
    with open(path, 'rb') as source:
        while data := source.read(piece or random.randint(1, 65536)):
            client.sendall(data)
client.close()
