"""client.h for machines without a C compiler: the time, a connection, requests, and the heads of answers."""
import re
import resource
import socket
import struct
import sys
import time


def now():
    """The time, and the seconds of the processor that this program has taken."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return time.monotonic(), used.ru_utime + used.ru_stime


def report(start):
    """Prints the seconds since `start`, and those of the processor that this program took meanwhile."""
    print('%.6f %.6f' % tuple(end - begin for end, begin in zip(now(), start)))


def connect_to(address):
    """A connection to a port of 127.0.0.1, or to the path of a Unix socket."""
    if '/' in address:
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(address)
    else:
        sock = socket.create_connection(('127.0.0.1', int(address)))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def wire_head(json):
    return struct.pack('<i', len(json)) + json


def put_head(protocol, name, size):
    if protocol == 'http':
        return b'PUT /%s HTTP/1.1\r\nHost: b\r\nContent-Length: %d\r\n\r\n' % (name, size)
    # An id says that we read the replies; a plain script has none, and acks to it may wait until it is done.
    json = b'{"cmd": "put", "filename": "%s", "filesize": %d' % (name, size)
    return wire_head(json + (b'}' if protocol == 'mute' else b', "id": 1}'))


def get_head(protocol, name):
    if protocol == 'http':
        return b'GET /%s HTTP/1.1\r\nHost: b\r\n\r\n' % name
    return wire_head(b'{"cmd": "get", "filename": "%s", "id": 1}' % name)


def head_end(protocol, data, at=0):
    """The end of the answer's head that begins at `at`, or 0 when it has not all come."""
    if protocol == 'http':
        return data.find(b'\r\n\r\n', at) + 4 if b'\r\n\r\n' in data[at:] else 0
    if len(data) - at < 4:
        return 0
    end = at + 4 + struct.unpack_from('<i', data, at)[0]
    return end if end <= len(data) else 0


def put_reply(protocol, data, at, name):
    """The end of the whole reply at `at`, or 0 when it has not all come. Exits unless it is a success."""
    end = head_end(protocol, data, at)
    if not end:
        return 0
    head = bytes(data[at:end])
    if protocol == 'http':
        if head[:12] not in (b'HTTP/1.1 201', b'HTTP/1.1 204') or b'chunked' in head:
            sys.exit('%r: %r' % (name, head))
        length = re.search(rb'Content-Length: (\d+)', head)
        end += int(length.group(1)) if length else 0
        return end if end <= len(data) else 0
    if b'"error"' in head or b'"ack"' not in head or b'"%s"' % name not in head:
        sys.exit('%r: %r' % (name, head))
    return end


def get_reply(protocol, data):
    """The end of the head of the answer to a get, and the length of what follows; nothing when it has not all come."""
    end = head_end(protocol, data)
    if not end:
        return None
    if protocol == 'http' and not data.startswith(b'HTTP/1.1 200'):
        sys.exit('refused: %r' % data[:end])
    length = re.search(rb'Content-Length: (\d+)' if protocol == 'http' else rb'"body":(\d+)', data[:end])
    if not length:
        sys.exit('the answer has no length: %r' % data[:end])
    return end, int(length.group(1))
