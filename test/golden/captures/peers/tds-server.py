"""Speaks enough TDS 7.4 for FreeTDS to log in and run a query. Debian has no server."""
import socketserver
import struct


def utf16(value):
    return value.encode('utf-16-le')


def prelogin():
    options = [(0, bytes([15, 0, 0, 0, 0, 0])), (1, b'\2')]  # a version; encryption: not supported
    at, table, values = 5 * len(options) + 1, b'', b''
    for token, value in options:
        table += struct.pack('>BHH', token, at + len(values), len(value))
        values += value
    return table + b'\xff' + values


def login_ack():
    name = 'sluice'
    ack = struct.pack('>BI', 1, 0x74000004) + bytes([len(name)]) + utf16(name) + bytes([15, 0, 0, 0])
    change = bytes([4, 4]) + utf16('4096') + bytes([4]) + utf16('4096')
    return (
        struct.pack('<BH', 0xE3, len(change)) + change + struct.pack('<BH', 0xAD, len(ack)) + ack + done(0, 0)
    )


def done(status, rows):
    return struct.pack('<BHHQ', 0xFD, status, 0, rows)


def result(rows):
    column = struct.pack('<IHBH', 0, 0, 0xA7, 8000) + bytes([9, 4, 0xD0, 0, 0x34]) + b'\4' + utf16('word')
    out = struct.pack('<BH', 0x81, 1) + column
    for number in range(1, rows + 1):
        word = b'sluice ' * number
        out += b'\xd1' + struct.pack('<H', len(word)) + word
    return out + done(0x10, rows)


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while True:
            kind, last = None, False
            while not last:
                head = self.rfile.read(8)
                if len(head) < 8:
                    return
                kind, status, length = struct.unpack_from('>BBH', head)
                self.rfile.read(length - 8)
                last = status & 1
            self.answer({0x12: prelogin, 0x10: login_ack, 0x01: lambda: result(60)}.get(kind, lambda: done(0, 0))())

    def answer(self, tokens):
        packets, number = [], 1
        while tokens:
            data, tokens = tokens[:4088], tokens[4088:]
            packets.append(struct.pack('>BBHHBB', 4, 0 if tokens else 1, len(data) + 8, 0, number % 256, 0) + data)
            number += 1
        self.wfile.write(b''.join(packets))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True


Server(('127.0.0.1', 1433), Handler).serve_forever()
