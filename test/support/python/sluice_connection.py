"""One connection of the Sluice protocol: requests out, replies in. Written from src/files/protocol/README.md alone."""
import json
import select
import socket
import struct
from collections import deque

PIECE = 256 * 1024
ENOUGH = 8 * 1024 * 1024
"""With more than this left of a refused body, another connection is cheaper than to send it."""
MAX_REPLY_HEADER = 65536


class Refused(Exception):
    """The server has said no."""

    def __init__(self, error):
        super().__init__(f"{error.get('code')}: {error.get('message')}")
        self.code = error.get('code')


class Broken(Exception):
    """The connection is of no use any more."""


class Exchange:
    """A request, and what is done with its replies, and with the body that may be behind the last of them."""

    def __init__(self, header, on_reply=None, sink=None):
        self.header, self.reply, self.on_reply, self.sink = header, None, on_reply, sink

    @property
    def refused(self):
        return self.reply is not None and 'error' in self.reply

    def ack(self):
        if self.refused:
            raise Refused(self.reply['error'])
        return self.reply


class Connection:
    """Sends requests, and reads whatever comes while it does so: one thread, nothing kept but unanswered requests."""

    def __init__(self, host, port, timeout=120.0):
        self._timeout = timeout
        self._pending = deque()
        self._received = bytearray()
        self._body_left = 0
        self._next_id = 1
        self.closing = False
        try:
            self._socket = socket.create_connection((host, port), timeout)
        except OSError as error:
            raise Broken(f'cannot connect to {host}:{port}: {error}') from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)

    def request(self, exchange, pieces=(), length=0):
        """Sends a request. Its body is what the pieces yield, which must be so many bytes."""
        if self.closing:
            raise Broken('the server has said that it ends the connection')
        exchange.header = {**exchange.header, 'id': self._next_id}
        self._next_id += 1
        self._pending.append(exchange)
        data = encoded(exchange.header)
        try:
            for piece in pieces:
                self._write(data + piece)
                data = b''
                length -= len(piece)
                if exchange.refused and length > ENOUGH:
                    raise Broken('rather another connection than to send so much for nothing')
            self._write(data)
        except BaseException:
            self.close()  # In the middle of a frame nothing else can be sent.
            raise
        return exchange

    def call(self, **header):
        """Sends a request without a body, and returns its ack."""
        exchange = self.request(Exchange(header))
        self.drain()
        return exchange.ack()

    def drain(self):
        """Reads until every request is answered."""
        while self._pending:
            if self._socket.fileno() < 0:
                raise Broken('the connection was closed')
            self._wait(False)
            self._read()

    def end(self):
        """Ends this side, and waits for the end of the other one."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
            while True:
                self._wait(False)
                if not self._socket.recv(PIECE):
                    break
        except (OSError, Broken):
            pass  # Everything has been answered already.
        self.close()

    def close(self):
        self.closing = True
        self._socket.close()

    def _wait(self, to_write):
        readable, writable, _ = select.select([self._socket], [self._socket] * to_write, [], self._timeout)
        if not readable and not writable:
            raise Broken(f'nothing moved for {self._timeout:g} s')
        return readable, writable

    def _write(self, data):
        view = memoryview(data)
        while view:
            readable, writable = self._wait(True)
            if readable:
                self._read()
            if writable:
                try:
                    view = view[self._socket.send(view):]
                except BlockingIOError:
                    pass
                except OSError as error:
                    while True:  # Perhaps the server has said why: this raises what it said, or that it is gone.
                        self._wait(False)
                        self._read(str(error))

    def _read(self, because='the server has ended the connection'):
        try:
            data = self._socket.recv(PIECE)
        except BlockingIOError:
            return
        except OSError as error:
            raise Broken(str(error)) from error
        if not data:
            raise Broken(because)
        self._received += data
        while self._take_body() and self._take_header():
            pass

    def _take_body(self):
        """Hands on what is there of a body; whether it is whole."""
        if self._body_left > 0:
            piece = bytes(self._received[:self._body_left])
            del self._received[:len(piece)]
            self._body_left -= len(piece)
            self._pending[0].sink(piece)
            if self._body_left == 0:
                self._pending.popleft()
        return self._body_left == 0

    def _take_header(self):
        """Takes a header, if a whole one is there; whether it was."""
        if len(self._received) < 4:
            return False
        (n,) = struct.unpack_from('<i', self._received)
        if not 1 <= n <= MAX_REPLY_HEADER:
            raise Broken('the server speaks another protocol')
        if len(self._received) < 4 + n:
            return False
        try:
            reply = json.loads(self._received[4:4 + n].decode('utf-8'))
        except ValueError as error:
            raise Broken('the server speaks another protocol') from error
        del self._received[:4 + n]
        self._take_reply(reply)
        return True

    def _take_reply(self, reply):
        exchange = self._pending[0] if self._pending else None
        if exchange is None or reply.get('id') != exchange.header['id']:
            # No reply to a request of ours: a fatal error, behind which nothing comes.
            self.closing = True
            raise Refused(reply['error']) if 'error' in reply else Broken('a reply to nothing')
        if reply.get('ack') != 'progress':
            exchange.reply = reply
            self._body_left = reply.get('body', 0)
            if self._body_left == 0:
                self._pending.popleft()
            if exchange.refused and reply['error'].get('code') in ('shutting-down', 'bad-token'):
                self.closing = True
        if exchange.on_reply is not None:
            exchange.on_reply(reply)


def encoded(header):
    """The header's length, and the header."""
    try:
        text = json.dumps(header, ensure_ascii=False).encode('utf-8')
    except UnicodeEncodeError:
        text = json.dumps(header).encode()  # A name that is no Unicode: the server refuses it.
    return struct.pack('<i', len(text)) + text
