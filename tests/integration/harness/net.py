"""Sockets: small services of our own, and the questions that tests ask of a connection."""
import atexit
import concurrent.futures
import hashlib
import os
import random
import socket
import threading

from .timing import seconds

_reserved = []  # sockets whose only use is to be held until the end
atexit.register(lambda: [claim.close() for claim in _reserved])


def free_port(count=1):
    """A port, free for TCP and UDP on both loopbacks, that no other test and no outgoing connection takes meanwhile. With
    `count` the ones after it as well.

    For a port that must be known before its owner starts, or outlive him. A port that the system hands out for
    bind(0) is from the range of outgoing connections, of which parallel tests open thousands; so the system is asked
    about ports below that range, and the answer is kept from other tests by a name in the abstract socket space.
    """
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as text:
        first_outgoing = int(text.read().split()[0])
    for _ in range(1000):
        first = random.randrange(10000, max(first_outgoing, 20000) - count)
        claims = []
        try:
            for port in range(first, first + count):
                claims.append(_claim(port))
        except OSError:
            for claim in claims:
                claim.close()
            continue
        _reserved.extend(claims)
        return first
    raise AssertionError("the system has no free port")


def _claim(port):
    """The name that keeps a free port; OSError where it is not free."""
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f"\0chuantou-test-port-{port}")
        for family, host in ((socket.AF_INET, ""), (socket.AF_INET6, "::")):
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(family, kind) as probe:
                    if family == socket.AF_INET6:
                        probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    probe.bind((host, port))
    except OSError:
        claim.close()
        raise
    return claim


def closed_port(test):
    """(port, socket): connections to the port are refused until socket.listen(). It is held, so that nobody else listens there."""
    port = free_port()
    held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    test.addCleanup(held.close)
    held.bind(("127.0.0.1", port))
    return port, held


def random_bytes(size):
    return random.randbytes(size) if size < 1 << 20 else os.urandom(size)


class TcpService:
    """Accepts on a port that the system chose and runs `handler(connection)` in a thread for each connection."""

    def __init__(self, test, handler, host="127.0.0.1"):
        self._handler = handler
        self._listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=512)
        self.port = self._listener.getsockname()[1]
        self._open = set()
        self._lock = threading.Lock()
        self.accepted = 0
        threading.Thread(target=self._accept, daemon=True).start()
        test.addCleanup(self.close)

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open.add(connection)
                self.accepted += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            self._handler(connection)
        except OSError:
            pass  # the peer went away: what that means is for the other end of the test to judge
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    @property
    def active(self):
        with self._lock:
            return len(self._open)

    def close(self):
        abandon(self._listener)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                abandon(connection)


def echo(connection):
    """Sends everything back, and the end of stream after it."""
    while data := connection.recv(65536):
        connection.sendall(data)


def serve_echo(test, host="127.0.0.1"):
    return TcpService(test, echo, host)


class UdpService:
    """Answers each datagram with `reply(data, source)`; None is no answer. Keeps the sources that it has seen."""

    def __init__(self, test, reply, host="127.0.0.1"):
        self._socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.bind((host, 0))
        self.port = self._socket.getsockname()[1]
        self.received = []
        self.sources = []
        self._reply = reply
        threading.Thread(target=self._serve, daemon=True).start()
        test.addCleanup(self.close)

    def _serve(self):
        while True:
            try:
                data, source = self._socket.recvfrom(65535)
                if source is None:  # shut down
                    return
                self.received.append(data)
                self.sources.append(source)
                answer = self._reply(data, source)
                if answer is not None:
                    self._socket.sendto(answer, source)
            except ConnectionRefusedError:
                continue  # an earlier answer found nobody
            except OSError:
                return

    def close(self):
        abandon(self._socket)
        self._socket.close()


def serve_udp_echo(test, host="127.0.0.1"):
    return UdpService(test, lambda data, source: data, host)


def connect(port, host="127.0.0.1", timeout=10.0):
    connection = socket.create_connection((host, port), timeout=seconds(timeout))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def recv_exactly(connection, size):
    parts = []
    left = size
    while left:
        data = connection.recv(min(left, 1 << 20))
        if not data:
            raise AssertionError(f"the stream ended after {size - left} of {size} bytes")
        parts.append(data)
        left -= len(data)
    return b"".join(parts)


def roundtrip(connection, data):
    """Sends data to an echo service while reading it back, so that any size fits into any buffer."""
    if len(data) <= 16384:  # fits into every socket's buffer
        connection.sendall(data)
        answer = recv_exactly(connection, len(data))
    else:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            sent = pool.submit(connection.sendall, data)
            try:
                answer = recv_exactly(connection, len(data))
            except BaseException:
                abandon(connection)  # frees the sender, who would wait for a reader
                raise
            sent.result()
    if answer != data:
        raise AssertionError("the echo differs from what was sent")
    return answer


def abandon(connection):
    """Ends a connection in both directions, which also wakes a thread that is blocked in it, as close() does not."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def download(connection):
    """Everything to the end of the stream: its length and SHA-256."""
    digest = hashlib.sha256()
    size = 0
    buffer = bytearray(1 << 20)
    view = memoryview(buffer)
    while count := connection.recv_into(buffer):
        digest.update(view[:count])
        size += count
    return size, digest.hexdigest()


def expect_eof(connection):
    """An orderly end: a FIN, with nothing before it."""
    data = connection.recv(65536)
    if data:
        raise AssertionError(f"expected the end of the stream, not {data[:80]!r}")


def expect_reset(connection, timeout=10.0):
    """A reset, and not an orderly end; bytes that were under way before it are read over."""
    connection.settimeout(seconds(timeout))
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        return
    except TimeoutError:
        raise AssertionError(f"no reset within {seconds(timeout):g} s") from None
    raise AssertionError("an orderly end of stream where a reset was due")


def expect_reset_user(port, data=b"", timeout=20.0):
    """A new connection that says `data` must be reset. So early a reset may already be the answer to connect()."""
    try:
        with connect(port) as user:
            user.sendall(data)
            expect_reset(user, timeout)
    except ConnectionResetError:
        pass
