"""Answers a Kafka client's ApiVersions and Metadata requests. Debian has no broker."""
import socketserver
import struct

TOPICS = 60


def text(value):
    return struct.pack('>h', len(value)) + value.encode()


def api_versions(version):
    keys = [(18, 0, 3), (3, 0, 4)]
    if version < 3:
        return struct.pack('>hi', 0, len(keys)) + b''.join(struct.pack('>hhh', *key) for key in keys) + (
            struct.pack('>i', 0) if version > 0 else b''
        )
    listed = b''.join(struct.pack('>hhh', *key) + b'\0' for key in keys)
    return struct.pack('>hB', 0, len(keys) + 1) + listed + struct.pack('>iB', 0, 0)


def metadata():
    broker = struct.pack('>ii', 1, 1) + text('127.0.0.1') + struct.pack('>ih', 9092, -1)
    topics = struct.pack('>i', TOPICS)
    for number in range(TOPICS):
        partition = struct.pack('>hiiiiii', 0, 0, 1, 1, 1, 1, 1)
        topics += struct.pack('>h', 0) + text(f'topic-{number}') + struct.pack('>Bi', 0, 1) + partition
    return struct.pack('>i', 0) + broker + text('demo') + struct.pack('>i', 1) + topics


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while len(head := self.rfile.read(4)) == 4:
            request = self.rfile.read(struct.unpack('>i', head)[0])
            key, version, correlation = struct.unpack_from('>hhi', request)
            body = struct.pack('>i', correlation) + (api_versions(version) if key == 18 else metadata())
            self.wfile.write(struct.pack('>i', len(body)) + body)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True


Server(('127.0.0.1', 9092), Handler).serve_forever()
