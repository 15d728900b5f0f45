"""A link between two tun devices that loses, repeats, and reorders packets: always the same ones, by a seed.

What `tc netem` does, for kernels that do not have it.
"""
import fcntl
import os
import random
import selectors
import struct
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
chance = random.Random(4)


def device(name):
    tun = os.open('/dev/net/tun', os.O_RDWR)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack('16sH22x', name.encode(), IFF_TUN | IFF_NO_PI))
    return tun


near, far = device(sys.argv[1]), device(sys.argv[2])
other = {near: far, far: near}
waiting = []  # (when, to, packet)

selector = selectors.DefaultSelector()
for each in other:
    selector.register(each, selectors.EVENT_READ)

while True:
    first = min((when for when, _, _ in waiting), default=None)
    timeout = None if first is None else max(0.0, first - time.monotonic())
    for key, _ in selector.select(timeout):
        packet, to = os.read(key.fd, 65536), other[key.fd]
        # Only IPv4: neighbour discovery is of no interest.
        if packet[0] >> 4 != 4 or chance.random() < 0.06:
            continue
        # Half a millisecond at the least, and now and then long enough for others to overtake.
        delay = 0.0005 + (0.004 if chance.random() < 0.2 else 0)
        for _ in range(2 if chance.random() < 0.08 else 1):
            waiting.append((time.monotonic() + delay, to, packet))
    now = time.monotonic()
    for due in sorted((each for each in waiting if each[0] <= now), key=lambda each: each[0]):
        waiting.remove(due)
        os.write(due[1], due[2])
