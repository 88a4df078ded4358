"""A crowd that never proves anything: python3 strangers.py PORT COUNT PACE SOURCE...; until it is killed.

A quarter is silent, a quarter says half of an HTTP head, a quarter upgrades to a WebSocket and stops within its first
message, a quarter brings a data channel's key that it has guessed. Whoever is closed comes again, at most PACE a second and one
by one: what is to be measured is the server, not the machine's way with a flood. Prints "crowded" when all are there for the
first time, and then once a second how many are there and how many have been closed so far.
"""
import os
import resource
import select
import socket
import sys
import time

PORT, COUNT, PACE, SOURCES = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]

HALF_HEAD = b"GET /half HTTP/1.1\r\nHost: x\r\nX-Never-En"
UPGRADE = (b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
HALF_MESSAGE = b"\x81\xbe\0\0\0\0" + b'{"type": "regis'


def words(number):
    kind = number % 4
    if kind == 0:
        return b""
    if kind == 1:
        return HALF_HEAD
    if kind == 2:
        return UPGRADE + HALF_MESSAGE
    return b"\xfd\x01" + os.urandom(16)


class Crowd:
    def __init__(self):
        self.poll = select.epoll()
        self.members = {}  # descriptor: (socket, what it has to say)
        self.dialled = 0
        self.closed = 0

    def dial(self):
        member = socket.socket()
        member.setblocking(False)
        member.bind((SOURCES[self.dialled % len(SOURCES)], 0))
        member.connect_ex(("127.0.0.1", PORT))
        self.members[member.fileno()] = (member, words(self.dialled // len(SOURCES)))
        self.poll.register(member, select.EPOLLOUT | select.EPOLLRDHUP)
        self.dialled += 1

    def turn(self, wait):
        for descriptor, events in self.poll.poll(wait):
            member, text = self.members[descriptor]
            try:
                if events & select.EPOLLOUT:
                    member.send(text)
                    self.poll.modify(descriptor, select.EPOLLIN | select.EPOLLRDHUP)
                elif member.recv(4096) == b"":
                    self.leave(descriptor)
            except BlockingIOError:
                pass
            except OSError:
                self.leave(descriptor)

    def leave(self, descriptor):
        self.members.pop(descriptor)[0].close()
        self.closed += 1


def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    os.nice(19)  # the machine's processors are few, and this program's work is not the server's
    crowd = Crowd()
    crowded = False
    begin = said = time.monotonic()
    while True:
        now = time.monotonic()
        allowed = COUNT + int((now - begin) * PACE)
        for _ in range(min(COUNT - len(crowd.members), allowed - crowd.dialled, 1 if crowded else 50)):
            crowd.dial()
        crowd.turn(0.5 / PACE if crowded else 0.01)
        if not crowded and crowd.dialled >= COUNT:
            crowded = True
            print("crowded", flush=True)
        if now - said >= 1:
            said = now
            print(f"present {len(crowd.members)} closed {crowd.closed}", flush=True)


main()
