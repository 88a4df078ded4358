"""Thousands of connections in one thread, each of which sends bytes of its own and wants exactly those back."""
import errno
import hashlib
import select
import socket
import time

from .timing import seconds


class Crowd:
    def __init__(self, test, port, host="127.0.0.1"):
        self._address = (host, port)
        self._poll = select.epoll()
        self._members = {}
        test.addCleanup(self.close)

    def __len__(self):
        return len(self._members)

    def open(self, count, timeout, in_flight=500):
        """Opens `count` connections, at most `in_flight` at a time in the handshake, as many users would."""
        deadline = time.monotonic() + seconds(timeout)
        started = 0
        pending = set()
        while started < count or pending:
            while started < count and len(pending) < in_flight:
                member = socket.socket()
                member.setblocking(False)
                member.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                error = member.connect_ex(self._address)
                assert error in (0, errno.EINPROGRESS), errno.errorcode[error]
                self._members[member.fileno()] = member
                self._poll.register(member, select.EPOLLOUT)
                pending.add(member.fileno())
                started += 1
            for descriptor, _ in self._wait(deadline, f"{len(pending)} of {count} connections are not made"):
                error = self._members[descriptor].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                assert error == 0, f"a connection failed: {errno.errorcode.get(error)}"
                pending.discard(descriptor)
                self._poll.modify(descriptor, 0)

    def echo(self, size, timeout, salt):
        """Every member sends `size` bytes that no other member sends, and reads them back. All at the same time. Returns when each was
        done, by time.monotonic(), the first one first."""
        deadline = time.monotonic() + seconds(timeout)
        expected = {descriptor: self._content(descriptor, size, salt) for descriptor in self._members}
        to_send = dict(expected)
        received = {descriptor: b"" for descriptor in self._members}
        for descriptor in self._members:
            self._poll.modify(descriptor, select.EPOLLOUT | select.EPOLLIN)
        missing = set(self._members)
        times = []
        while missing:
            for descriptor, events in self._wait(deadline, f"{len(missing)} of {len(expected)} connections wait for their echo"):
                member = self._members[descriptor]
                if events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                    data = member.recv(65536)
                    assert data, "a connection ended before its time"
                    received[descriptor] += data
                    if len(received[descriptor]) >= size:
                        assert received[descriptor] == expected[descriptor], "a connection got bytes that are not its own"
                        missing.discard(descriptor)
                        times.append(time.monotonic())
                        self._poll.modify(descriptor, 0)
                        continue
                if events & select.EPOLLOUT and to_send[descriptor]:
                    sent = member.send(to_send[descriptor])
                    to_send[descriptor] = to_send[descriptor][sent:]
                    if not to_send[descriptor]:
                        self._poll.modify(descriptor, select.EPOLLIN)
        return times

    def _content(self, descriptor, size, salt):
        seed = hashlib.sha256(f"{salt}-{descriptor}".encode()).digest()
        return (seed * (size // len(seed) + 1))[:size]

    def _wait(self, deadline, complaint):
        left = deadline - time.monotonic()
        events = self._poll.poll(max(left, 0))
        assert events or left > 0, f"time is up: {complaint}"
        return events

    def close(self, count=None):
        """Closes all members, or the first `count` of them."""
        for descriptor in list(self._members)[:count]:
            self._members.pop(descriptor).close()
