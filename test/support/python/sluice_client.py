"""A client for the Sluice protocol, written from src/protocol/README.md alone, with the standard library only.

    python3 sluice_client.py HOST PORT put PATH [NAME]    a file, or a folder with all that is below it
    python3 sluice_client.py HOST PORT get NAME OUT
    python3 sluice_client.py HOST PORT ls [PREFIX] | stat NAME | rm NAME | mv NAME TO
    python3 sluice_client.py HOST PORT ping | hello | resume ID | cancel ID

A token is taken from the environment, SLUICE_TOKEN. Prints one JSON object a line. The exit status is 0 when all is
done, 1 when something was refused (its code and message are on stderr), 3 when the connection failed.
"""
import argparse
import hashlib
import json
import os
import random
import select
import socket
import stat
import struct
import sys
import time
import zlib
from collections import deque

PIECE = 256 * 1024
LARGE = 8 * 1024 * 1024
"""From this size on a file is sent under an upload id, so that it can be resumed."""
PROGRESS = 4 * 1024 * 1024
MAX_REPLY_HEADER = 65536
FILE = ('size', 'mtime', 'crc32')
"""What an ack tells of a file, and by which it is known again."""
AGAIN = {'timed-out', 'too-many-connections', 'shutting-down', 'too-many-open-files', 'internal'}
"""Refusals of which the protocol says: try it again later."""


class Refused(Exception):
    """The server has said no."""

    def __init__(self, error):
        super().__init__(f"{error.get('code')}: {error.get('message')}")
        self.code = error.get('code')


class Broken(Exception):
    """The connection is of no use any more."""


class Changed(Exception):
    """What is sent or fetched is another content than the one that was begun."""


class Exchange:
    """A request, and the reply to it once it is there."""

    def __init__(self, header, on_done=None, on_progress=None, on_ack=None, sink=None):
        self.header, self.reply = header, None
        self.on_done = on_done or (lambda reply: None)
        self.on_progress = on_progress or (lambda reply: None)
        self.on_ack = on_ack or (lambda reply: None)
        """Called before the body of the reply, which goes to the sink piece by piece."""
        self.sink = sink or (lambda piece: None)

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
        header = {**exchange.header, 'id': self._next_id}
        self._next_id += 1
        exchange.header = header
        self._pending.append(exchange)
        data = encoded(header)
        try:
            for piece in pieces:
                self._write(data + piece)
                data = b''
                length -= len(piece)
                if exchange.refused and length > LARGE:
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
                self._answered(self._pending[0].reply)
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
        self._replied(reply)
        return True

    def _replied(self, reply):
        exchange = self._pending[0] if self._pending else None
        if exchange is None or reply.get('id') != exchange.header['id']:
            # No reply to a request of ours: a fatal error, behind which nothing comes.
            self.closing = True
            raise Refused(reply['error']) if 'error' in reply else Broken('a reply to nothing')
        if reply.get('ack') == 'progress':
            return exchange.on_progress(reply)
        if 'error' in reply:
            self.closing = self.closing or reply['error'].get('code') in ('shutting-down', 'bad-token')
            return self._answered(reply)
        exchange.reply = reply
        exchange.on_ack(reply)
        self._body_left = reply.get('body', 0)
        if self._body_left == 0:
            self._answered(reply)

    def _answered(self, reply):
        exchange = self._pending.popleft()
        exchange.reply = reply
        exchange.on_done(reply)


class Content:
    """A file to be sent, with the CRC-32 of what has been read of it from its start on."""

    def __init__(self, source, name):
        found = os.fstat(source.fileno())
        self.name, self.size, self.crc = name, found.st_size, 0
        self._source, self._mtime = source, found.st_mtime_ns

    def upload_id(self):
        """The same whenever the same content is sent to the same name, so that another run can go on from it."""
        what = [socket.gethostname(), os.path.realpath(self._source.name), self.size, self._mtime, self.name]
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:40]

    def crc_of_first(self, length):
        """The CRC-32 of so many bytes from the start, or None where there are fewer."""
        self._source.seek(0)
        self.crc = 0
        if length > self.size:
            return None
        for _ in self._pieces(length):
            pass
        return self.crc

    def send(self, connection, fields, on_done, on_progress=None):
        """Sends all of it, or what comes behind the `offset` of the fields, up to which it has been read."""
        if 'offset' not in fields:
            self.crc_of_first(0)
        length = self.size - fields.get('offset', 0)
        header = {'cmd': 'put', 'filename': self.name, 'filesize': self.size, 'mtime': self._mtime // 1_000_000}
        exchange = Exchange({**header, **fields}, on_done, on_progress)
        return connection.request(exchange, self._pieces(length), length)

    def _pieces(self, length):
        while length > 0:
            piece = self._source.read(min(PIECE, length))
            if not piece:
                raise Changed('it became shorter while it was read')
            self.crc = zlib.crc32(piece, self.crc)
            length -= len(piece)
            yield piece


class Client:
    """Does what may need several connections."""

    def __init__(self, host, port, token=None, retries=8, tell=lambda event: None):
        self._host, self._port, self._token, self._retries = host, port, token, retries
        self._tell = tell
        self._failures = 0

    def call(self, cmd, **fields):
        """One request without a body, once: only its caller knows whether to do it twice does harm."""
        def work(connection):
            return connection.call(cmd=cmd, **fields)
        return self._connected(work)

    def list(self, prefix=''):
        """Tells all files whose names begin with the prefix, page by page."""
        after = {}

        def work(connection):
            while True:
                page = connection.call(cmd='list', prefix=prefix, **after)
                for file in page['files']:
                    self._tell(file)
                if 'next' not in page:
                    return
                after['after'] = page['next']
                self._failures = 0

        self._retrying(work)

    def put(self, files, on_refused, options):
        """Stores files, names by path. Every one is answered once: by its ack that is told, or as refused."""
        todo = dict(files)  # Bounded by the files that are asked for.
        begun = set()

        def work(connection):
            again = []

            def answered(name, reply, crc):
                if 'error' not in reply:
                    if reply['crc32'] != crc:
                        again.append(Broken(f'{name}: what is stored is not what was sent'))
                        return
                    self._tell(reply)
                elif reply['error'].get('code') in AGAIN:
                    again.append(Refused(reply['error']))
                    return
                else:
                    on_refused(name, Refused(reply['error']))
                del todo[name]
                self._failures = 0

            for name, path in list(todo.items()):
                try:
                    with open(path, 'rb') as source:
                        if not stat.S_ISREG(os.fstat(source.fileno()).st_mode):
                            raise OSError('not a regular file')
                        content = Content(source, name)
                        if content.size < LARGE:
                            content.send(connection, options, lambda r, n=name, c=content: answered(n, r, c.crc))
                        else:
                            self._put_large(connection, content, options, name in begun,
                                            lambda r, n=name, c=content: answered(n, r, c.crc),
                                            lambda n=name: begun.add(n))
                except (OSError, Changed) as error:
                    on_refused(name, error)
                    del todo[name]
                except Refused as refused:
                    if connection.closing or refused.code in AGAIN:
                        raise
                    on_refused(name, refused)
                    del todo[name]
            connection.drain()
            if again:
                raise again[0]

        self._retrying(work)

    def _put_large(self, connection, content, options, was_begun, answered, begin):
        """Goes on from what the server has of it, be it from this run or from an earlier one."""
        upload = content.upload_id()

        def progress(reply):
            self._failures = 0
            self._tell(reply)

        for last in (False, False, True):
            had = connection.call(cmd='resume', upload=upload)
            offset = had['offset']
            if offset == 0 and was_begun and self._is_stored(connection, content):
                return answered({'ack': 'put', 'filename': content.name, 'size': content.size, 'crc32': content.crc})
            if offset > 0:
                self._tell(had)
                if content.crc_of_first(offset) != had['crc32']:
                    connection.call(cmd='cancel', upload=upload)
                    offset = 0
            fields = {**options, 'upload': upload, 'progress': PROGRESS, **({'offset': offset} if offset > 0 else {})}

            def done(reply, last=last):
                if last or reply.get('error', {}).get('code') != 'bad-offset':
                    answered(reply)

            begin()
            exchange = content.send(connection, fields, done, progress)
            connection.drain()
            if not exchange.refused or exchange.reply['error'].get('code') != 'bad-offset':
                return

    @staticmethod
    def _is_stored(connection, content):
        """Whether an upload of which nothing is left was finished, and only its ack lost."""
        try:
            found = connection.call(cmd='stat', filename=content.name)
        except Refused:
            return False
        return found['size'] == content.size and found.get('crc32') == content.crc_of_first(content.size)

    def get(self, name, out):
        """Fetches a file, goes on where a connection breaks, and puts it in its place when it is whole."""
        part = f'{out}.part'
        first = {}
        with open(part, 'wb') as target:
            def replaced():
                first.clear()
                target.seek(0)
                target.truncate()
                raise Broken(f'{name}: it was replaced meanwhile')

            def work(connection):
                def begins(ack):
                    if any(ack.get(key, first[key]) != first[key] for key in FILE if key in first):
                        replaced()
                    first.update(ack)

                def sink(piece):
                    self._failures = 0
                    target.write(piece)

                exchange = connection.request(Exchange(
                    {'cmd': 'get', 'filename': name, 'offset': target.tell()}, on_ack=begins, sink=sink))
                connection.drain()
                if first and exchange.refused and exchange.reply['error'].get('code') == 'bad-range':
                    replaced()
                exchange.ack()

            try:
                self._retrying(work)
            except BaseException:
                os.unlink(part)
                raise
        with open(part, 'rb') as target:
            fetched = Content(target, name)
            if fetched.size != first['size'] or fetched.crc_of_first(fetched.size) != first.get('crc32', fetched.crc):
                os.unlink(part)
                raise Changed(f'{name}: what has come is not what is stored')
        os.utime(part, ns=(first['mtime'] * 1_000_000,) * 2)
        os.replace(part, out)
        self._tell({'ack': 'get', **{key: first[key] for key in ('filename', *FILE) if key in first}})

    def _connected(self, work):
        connection = Connection(self._host, self._port)
        try:
            hello = None
            if self._token is not None:
                hello = connection.request(Exchange({'cmd': 'hello', 'token': self._token}))
            result = work(connection)
            connection.end()
            return result
        except (Broken, Refused):
            if hello is not None and hello.refused:
                hello.ack()  # It explains what came of it.
            raise
        finally:
            connection.close()

    def _retrying(self, work):
        self._failures = 0
        while True:
            try:
                return self._connected(work)
            except (Broken, Refused) as error:
                if isinstance(error, Refused) and error.code not in AGAIN or self._failures >= self._retries:
                    raise
                time.sleep(min(5.0, 0.05 * 2 ** self._failures) * random.uniform(0.5, 1.5))
                self._failures += 1


def encoded(header):
    """The header's length, and the header."""
    try:
        text = json.dumps(header, ensure_ascii=False).encode('utf-8')
    except UnicodeEncodeError:
        text = json.dumps(header).encode()  # A name that is no Unicode: the server refuses it.
    return struct.pack('<i', len(text)) + text


def files_below(path, name=None):
    """The files at or below a path, as (name, path)."""
    name = name or os.path.basename(os.path.abspath(path))
    if not os.path.isdir(path):
        yield name, path
        return
    for folder, folders, files in os.walk(path):
        folders.sort()
        for file in sorted(files):
            full = os.path.join(folder, file)
            yield f'{name}/{os.path.relpath(full, path).replace(os.sep, "/")}', full


def tell(event):
    print(json.dumps({key: value for key, value in event.items() if key != 'id'}), flush=True)


def complain(what, error):
    print(f'{what}: {error}', file=sys.stderr)


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--retries', type=int, default=8, help='how often to try again in a row')
    parser.add_argument('host')
    parser.add_argument('port', type=int)
    commands = parser.add_subparsers(dest='command', required=True)
    for command, *names in (('put', 'path', 'name?'), ('get', 'name', 'out'), ('ls', 'prefix?'), ('stat', 'name'),
                            ('rm', 'name'), ('mv', 'name', 'to'), ('ping',), ('hello',), ('resume', 'id'),
                            ('cancel', 'id')):
        sub = commands.add_parser(command)
        for name in names:
            sub.add_argument(name.rstrip('?'), nargs='?' if name.endswith('?') else None)
    sub = commands.choices
    for command in ('put', 'mv'):
        sub[command].add_argument('--if-absent', action='store_true', help='refuse to replace a file')
    args = parser.parse_args(argv)
    client = Client(args.host, args.port, os.environ.get('SLUICE_TOKEN'), args.retries, tell)
    failed = []

    def refused(name, error):
        failed.append(name)
        complain(name, error)

    absent = {'ifAbsent': True} if getattr(args, 'if_absent', False) else {}
    do = {
        'put': lambda: client.put(files_below(args.path, args.name), refused, absent),
        'get': lambda: client.get(args.name, args.out),
        'ls': lambda: client.list(args.prefix or ''),
        'stat': lambda: tell(client.call('stat', filename=args.name)),
        'rm': lambda: tell(client.call('delete', filename=args.name)),
        'mv': lambda: tell(client.call('rename', filename=args.name, to=args.to, **absent)),
        'ping': lambda: tell(client.call('ping')),
        'hello': lambda: tell(client.call('hello')),
        'resume': lambda: tell(client.call('resume', upload=args.id)),
        'cancel': lambda: tell(client.call('cancel', upload=args.id)),
    }
    try:
        do[args.command]()
    except (Refused, Changed, OSError) as error:
        complain(args.command, error)
        return 1
    except Broken as error:
        complain(args.command, error)
        return 3
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
