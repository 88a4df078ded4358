"""Somebody on the way between a client and the server: passes bytes, until a test has them changed."""
import copy
import json
import os
import random
import select
import socket
import struct
import threading

from .net import abandon, connect, free_port, recv_exactly

UP, DOWN = "up", "down"  # from the client, to the client
MODES = ["flip", "replay", "reorder", "truncate", "drop"]


class Tamper:
    """What is done once to one direction of one data channel, `offset` bytes after it was armed. `aligned`: to whole records
    of TLS, of which only the lengths are read; else to blocks of `size` bytes."""

    def __init__(self, mode, seed, offset, size, aligned):
        self.mode, self.offset, self.size, self.aligned = mode, offset, size, aligned
        self.random = random.Random(seed)

    def apply(self, first, second):
        """What comes of two neighbouring blocks; None: the end of the stream."""
        if self.mode == "flip":
            at = self.random.randrange(len(first) * 8)
            first = bytearray(first)
            first[at // 8] ^= 1 << at % 8
            return bytes(first) + second
        return {"replay": first + first + second, "reorder": second + first, "drop": second, "truncate": None}[self.mode]


class _Direction:
    """The bytes of one direction, after the key of the data channel."""

    def __init__(self):
        self._lock = threading.Lock()
        self._tamper = None
        self._from = 0
        self._held = b""
        self._header = b""
        self._record_left = 0
        self._starts = [0]  # of records
        self.received = 0
        self.first = b""  # the beginning, for those who want to read it
        self.fired = None
        self.ended = False

    @property
    def records(self):
        """How many whole ones of TLS have come."""
        return len(self._starts) - 1

    def arm(self, tamper):
        with self._lock:
            self._tamper, self._from = tamper, self.received + (tamper.offset if tamper else 0)

    def feed(self, data):
        with self._lock:
            self.first += data[:max(0, 8192 - len(self.first))]
            self._track(data)
            self.received += len(data)
            if self._tamper is None or self.fired:
                data, self._held = self._held + data, b""
                return b"" if self.ended else data
            self._held += data
            return self._changed()

    def _changed(self):
        begin = self.received - len(self._held)
        if self._tamper.aligned:
            cuts = [start for start in self._starts if start >= self._from][:3]
        else:
            cuts = [self._from + number * self._tamper.size for number in range(3)]
        passed = min(cuts[0] if cuts else self._from, self.received) - begin
        out, self._held = self._held[:passed], self._held[passed:]
        if len(cuts) < 3 or cuts[2] > self.received:
            return out
        one, two = cuts[1] - cuts[0], cuts[2] - cuts[0]
        changed = self._tamper.apply(self._held[:one], self._held[one:two])
        self.fired = self._tamper
        if changed is None:
            self.ended = True
            return out
        out += changed + self._held[two:]
        self._held = b""
        return out

    def _track(self, data):
        at = 0
        while at < len(data):
            if self._record_left:
                step = min(self._record_left, len(data) - at)
                self._record_left -= step
                at += step
                if not self._record_left:
                    self._starts = self._starts[-1000:] + [self.received + at]
                continue
            step = min(5 - len(self._header), len(data) - at)
            self._header += data[at:at + step]
            at += step
            if len(self._header) == 5:
                self._record_left = int.from_bytes(self._header[3:], "big")
                self._header = b""


class Channel:
    """A data channel on its way through."""

    def __init__(self, near, far):
        self.near, self.far = near, far
        self.directions = {UP: _Direction(), DOWN: _Direction()}

    def break_off(self):
        for one in (self.near, self.far):
            abandon(one)

    @property
    def tampered(self):
        """The modes in which it has been."""
        return [direction.fired.mode for direction in self.directions.values() if direction.fired]


class Middle:
    """TCP and UDP on one port, towards the server. `rewrite(direction, message)` may change the messages of the control channel (None:
    swallow); `on_channel(channel)` is told of each new data channel; `on_datagram(direction, packet)` returns the packets to pass."""

    def __init__(self, test, server, rewrite=None):
        self._server = server
        self._rewrite = rewrite
        self.on_channel = lambda channel: None
        self.on_datagram = lambda direction, packet: [packet]
        self.channels = []
        self.all_channels = []
        self._lock = threading.Lock()
        self.port = free_port()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=512)
        self._last = None
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._udp.bind(("127.0.0.1", self.port))
        self._open = set()
        test.addCleanup(self.close)
        for work in (self._accept, self._pass_datagrams):
            threading.Thread(target=work, daemon=True).start()

    def in_place_of(self, server):
        """What a client takes for the server."""
        other = copy.copy(server)
        other.port = self.port
        return other

    def close(self):
        for one in (self._listener, self._udp):
            abandon(one)
            one.close()
        with self._lock:
            for one in self._open:
                abandon(one)

    def break_off_all(self):
        """Every data channel, so that the next ones are new."""
        with self._lock:
            channels = list(self.channels)
        for channel in channels:
            channel.break_off()

    def arm(self, make):
        """`make()` gives (direction, Tamper) for each data channel, those that are there and those to come; None disarms."""
        def arm_one(channel):
            for direction in channel.directions.values():
                direction.arm(None)
            if make:
                direction, tamper = make()
                channel.directions[direction].arm(tamper)

        with self._lock:
            self.on_channel = arm_one
            for channel in self.channels:
                arm_one(channel)

    # ---- TCP

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near):
        far = None
        try:
            with self._lock:
                self._open.add(near)
            start = recv_exactly(near, 2)
            far = connect(self._server.port)
            far.settimeout(None)
            with self._lock:
                self._open.add(far)
            far.sendall(start)
            if start == b"\xfd\x01":
                far.sendall(recv_exactly(near, 16))
                channel = Channel(near, far)
                with self._lock:
                    self.on_channel(channel)
                    self.channels.append(channel)
                    self.all_channels.append(channel)
                try:
                    self._both(self._pass_bytes, (near, far, channel.directions[UP]), (far, near, channel.directions[DOWN]))
                finally:
                    with self._lock:
                        self.channels.remove(channel)
            elif self._rewrite:
                self._both(self._pass_messages, (near, far, UP, start), (far, near, DOWN, b""))
            else:
                self._both(self._pass_bytes, (near, far, _Direction()), (far, near, _Direction()))
        except (OSError, AssertionError):
            pass
        finally:
            for one in (near, far):
                if one:
                    with self._lock:
                        self._open.discard(one)
                    one.close()

    def _both(self, work, one, other):
        back = threading.Thread(target=work, args=other, daemon=True)
        back.start()
        work(*one)
        back.join()

    @staticmethod
    def _reset(*sockets):
        for one in sockets:
            try:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            except OSError:
                pass
            abandon(one)

    def _pass_bytes(self, source, sink, direction):
        told = False
        try:
            while data := source.recv(65536):
                out = direction.feed(data)
                if out:
                    sink.sendall(out)
                if direction.ended and not told:
                    told = True
                    sink.shutdown(socket.SHUT_WR)
            if not told:
                sink.shutdown(socket.SHUT_WR)
        except OSError:
            self._reset(source, sink)

    def _pass_messages(self, source, sink, direction, head):
        """The frames of a WebSocket, with the texts changed."""
        try:
            before = head
            while not head.endswith(b"\r\n\r\n"):
                head += recv_exactly(source, 1)
            sink.sendall(head[len(before):])
            while True:
                first, second = recv_exactly(source, 2)
                length = second & 0x7F
                if length >= 126:
                    length = int.from_bytes(recv_exactly(source, 2 if length == 126 else 8), "big")
                mask = recv_exactly(source, 4) if second & 0x80 else b""
                payload = self._masked(recv_exactly(source, length), mask)
                if first == 0x81:
                    message = self._rewrite(direction, json.loads(payload))
                    if message is None:
                        continue
                    payload = json.dumps(message).encode()
                length = len(payload)
                size = bytes([length]) if length < 126 else struct.pack(">BH", 126, length) if length < 65536 else struct.pack(">BQ", 127, length)
                sink.sendall(bytes([first, size[0] | (0x80 if mask else 0)]) + size[1:] + mask + self._masked(payload, mask))
        except (OSError, AssertionError):
            for one in (source, sink):
                abandon(one)

    @staticmethod
    def _masked(payload, mask):
        if not mask or not payload:
            return payload
        pad = (mask * (len(payload) // 4 + 1))[:len(payload)]
        return (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(len(payload), "big")

    # ---- UDP

    def inject(self, packet):
        """A datagram to the server, as if from the client that was heard last."""
        self._last.send(packet)

    def _pass_datagrams(self):
        sources, sockets = {}, {}
        try:
            while True:
                for one in select.select([self._udp, *sockets], [], [])[0]:
                    if one is self._udp:
                        packet, source = one.recvfrom(65535)
                        if source is None:
                            return
                        if source not in sources:
                            towards = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                            towards.connect(("127.0.0.1", self._server.port))
                            sources[source], sockets[towards] = towards, source
                        self._last = sources[source]
                        for each in self.on_datagram(UP, packet):
                            sources[source].send(each)
                    else:
                        for each in self.on_datagram(DOWN, one.recv(65535)):
                            self._udp.sendto(each, sockets[one])
        except (OSError, ValueError):
            return
        finally:
            for one in sockets:
                one.close()


def is_of_flow(packet):
    """A relayed datagram, and not one that proves an address."""
    return len(packet) > 6 and packet[0] >> 6 == 0b10 and packet[:4] != b"\x80\0\0\0"


def is_resumed(server_hello):
    """Whether a ServerHello, from its first byte on the wire, takes up an earlier session (RFC 8446: extension pre_shared_key)."""
    assert server_hello[0] == 22 and server_hello[5] == 2, server_hello[:8].hex()
    at = 5 + 4 + 2 + 32
    at += 1 + server_hello[at] + 2 + 1
    end = at + 2 + int.from_bytes(server_hello[at:at + 2], "big")
    at += 2
    while at < end:
        kind, length = struct.unpack(">HH", server_hello[at:at + 4])
        if kind == 41:
            return True
        at += 4 + length
    return False


def random_seed():
    return int.from_bytes(os.urandom(4), "big")
