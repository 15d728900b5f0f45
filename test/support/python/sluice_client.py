"""A client for the Sluice protocol, written from src/files/protocol/README.md alone, with the standard library only.

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
import socket
import sys
import time
import zlib
from functools import partial

from sluice_connection import PIECE, Broken, Connection, Exchange, Refused

LARGE = 8 * 1024 * 1024
"""From this size on a file is sent under an upload id, so that it can be resumed."""
PROGRESS = 4 * 1024 * 1024
FILE = ('size', 'mtime', 'crc32')
"""What an ack tells of a file, and by which it is known again."""
AGAIN = {'timed-out', 'busy', 'truncated', 'too-many-connections', 'shutting-down', 'too-many-open-files', 'too-many-uploads', 'events-full',
         'io-error', 'internal', 'bad-offset'}
"""Refusals of which the protocol says that to try again may help."""


class Changed(Exception):
    """What was read, here or from the server, is not the content that it should be."""


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

    def send(self, connection, fields, on_reply):
        """Sends all of it, or what comes behind the `offset` of the fields, up to which it has been read."""
        if 'offset' not in fields:
            self.crc_of_first(0)
        header = {'cmd': 'put', 'filename': self.name, 'filesize': self.size, 'mtime': self._mtime // 1_000_000}
        pieces = self._pieces(self.size - fields.get('offset', 0))
        connection.request(Exchange({**header, **fields}, on_reply), pieces, self.size - fields.get('offset', 0))

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
        self._begun = set()

    def call(self, **header):
        """One request without a body, once: only its caller knows whether to do it twice does harm."""
        return self._connected(lambda connection: connection.call(**header))

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

    def put(self, files, on_refused, **options):
        """Stores files, (name, path) each. Of every one its ack is told, or why it was refused."""
        todo = dict(files)  # Bounded by the files that are asked for.

        def settled(name, error=None):
            if todo.pop(name, None) is not None:
                self._failures = 0
                if error is not None:
                    on_refused(name, error)

        def work(connection):
            again = []

            def on_reply(content, reply):
                if 'error' in reply:
                    refused = Refused(reply['error'])
                    again.append(refused) if refused.code in AGAIN else settled(content.name, refused)
                elif reply['ack'] == 'progress':
                    self._failures = 0
                    self._tell(reply)
                elif reply['crc32'] != content.crc:
                    again.append(Broken(f'{content.name}: what is stored is not what was sent'))
                else:
                    self._tell(reply)
                    settled(content.name)

            for name, path in list(todo.items()):
                try:
                    with open(path, 'rb') as source:
                        content = Content(source, name)
                        send = content.send if content.size < LARGE else partial(self._send_large, content)
                        send(connection, options, partial(on_reply, content))
                except (OSError, Changed) as error:
                    settled(name, error)
                except Refused as refused:
                    if connection.closing or refused.code in AGAIN:
                        raise
                    settled(name, refused)
            connection.drain()
            if again:
                raise again[0]

        self._retrying(work)

    def _send_large(self, content, connection, options, on_reply):
        """Goes on from what the server has of it, be it from this run or from an earlier one."""
        upload = content.upload_id()
        had = connection.call(cmd='resume', upload=upload)
        if had['offset'] == 0 and upload in self._begun and self._is_stored(connection, content):
            return on_reply({'ack': 'put', 'filename': content.name, 'size': content.size, 'crc32': content.crc})
        fields = {**options, 'upload': upload, 'progress': PROGRESS}
        if had['offset'] > 0:
            self._tell(had)
            if content.crc_of_first(had['offset']) == had['crc32']:
                fields['offset'] = had['offset']
            else:
                connection.call(cmd='cancel', upload=upload)
        self._begun.add(upload)
        content.send(connection, fields, on_reply)
        connection.drain()

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
            def work(connection):
                def on_reply(reply):
                    shorter = reply.get('error', {}).get('code') == 'bad-range'
                    if first and (shorter or any(reply.get(key, first.get(key)) != first.get(key) for key in FILE)):
                        first.clear()
                        target.seek(0)
                        target.truncate()
                        raise Broken(f'{name}: it was replaced meanwhile')
                    if 'ack' in reply:
                        first.update(reply)

                def sink(piece):
                    self._failures = 0
                    target.write(piece)

                header = {'cmd': 'get', 'filename': name, 'offset': target.tell()}
                exchange = connection.request(Exchange(header, on_reply, sink))
                connection.drain()
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


def files_below(path, name=None):
    """The files at or below a path, as (name, path)."""
    if name is None:
        name = os.path.basename(os.path.abspath(path))
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
        'put': lambda: client.put(files_below(args.path, args.name), refused, **absent),
        'get': lambda: client.get(args.name, args.out),
        'ls': lambda: client.list(args.prefix or ''),
        'stat': lambda: tell(client.call(cmd='stat', filename=args.name)),
        'rm': lambda: tell(client.call(cmd='delete', filename=args.name)),
        'mv': lambda: tell(client.call(cmd='rename', filename=args.name, to=args.to, **absent)),
        'ping': lambda: tell(client.call(cmd='ping')),
        'hello': lambda: tell(client.call(cmd='hello')),
        'resume': lambda: tell(client.call(cmd='resume', upload=args.id)),
        'cancel': lambda: tell(client.call(cmd='cancel', upload=args.id)),
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
