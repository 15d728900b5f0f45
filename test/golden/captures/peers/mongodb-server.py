"""Answers what a MongoDB driver asks: who are you, are you there, give me documents. Debian has no server."""
import socketserver
import struct

import bson

hello = {
    'ismaster': True, 'helloOk': True, 'maxBsonObjectSize': 16777216, 'maxMessageSizeBytes': 48000000,
    'maxWriteBatchSize': 100000, 'minWireVersion': 0, 'maxWireVersion': 8, 'readOnly': False, 'ok': 1.0,
}
documents = [{'_id': n, 'word': 'sluice ' * n} for n in range(1, 60)]


def answer(command):
    name = next(iter(command)).lower()
    if name in ('ismaster', 'hello'):
        return hello
    if name == 'find':
        return {'cursor': {'firstBatch': documents, 'id': 0, 'ns': 'demo.words'}, 'ok': 1.0}
    if name == 'insert':
        return {'n': len(command.get('documents', [1])), 'ok': 1.0}
    return {'ok': 1.0}


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while len(head := self.rfile.read(16)) == 16:
            length, request, _, operation = struct.unpack('<iiii', head)
            body = self.rfile.read(length - 16)
            if operation == 2004:  # OP_QUERY, answered by OP_REPLY
                query = body[body.index(b'\0', 4) + 9 :]
                query = query[: struct.unpack_from('<i', query)[0]]
                document = bson.BSON.encode(answer(bson.BSON(query).decode()))
                kind, out = 1, struct.pack('<iqii', 8, 0, 0, 1) + document
            else:  # OP_MSG, whose first section is the command
                command = body[5 : 5 + struct.unpack_from('<i', body, 5)[0]]
                document = bson.BSON.encode(answer(bson.BSON(command).decode()))
                kind, out = 2013, struct.pack('<IB', 0, 0) + document
            self.wfile.write(struct.pack('<iiii', 16 + len(out), request, request, kind) + out)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True


Server(('127.0.0.1', 27017), Handler).serve_forever()
