"""Checked transfers: both ends of many connections in one thread, with content of which every position is known.

A byte that is missing, repeated, in the wrong place or of another connection is told apart from one that is merely wrong. The
connections may pause, be slow, send pieces of any size, and end either half first.
"""
import collections
import heapq
import itertools
import os
import random
import select
import socket
import struct
import threading
import time

from .net import abandon
from .timing import seconds, wait_until

_PERIOD = 8388593  # a prime, so that no power of two of lost or repeated bytes goes unseen
_PIECE = 262144
_TABLE = random.Random(0).randbytes(_PERIOD)
_TABLE += _TABLE[:_PIECE]
_HEADER = struct.Struct(">4sI")
_MAGIC = b"xfer"
_HELLO = b"!"  # what the service says first, by which a connection is known to be open

FREE, ANSWER, QUESTION = "free", "answer", "question"
#: How a transfer goes: both directions at once; the service sends after the user's end has come; or the user after the service's.
ORDERS = (FREE, ANSWER, QUESTION)


def content(offset, position, size):
    at = (offset + position) % _PERIOD
    return _TABLE[at:at + min(size, _PIECE)]


def diagnosis(offset, position, data, others):
    """What is wrong with `data`, which came at `position`; empty: nothing. `others`: (name, offset) of other directions."""
    at = 0
    while at < len(data):
        piece = content(offset, position + at, len(data) - at)
        if data[at:at + len(piece)] != piece:
            break
        at += len(piece)
    else:
        return ""
    wrong = next(at + index for index, (got, due) in enumerate(zip(data[at:], piece)) if got != due)
    where = position + wrong
    sample = data[wrong:wrong + 24]
    found = _TABLE.find(sample) if len(sample) >= 8 else -1
    if found < 0:
        return f"byte {where} is wrong: {sample.hex()}, not {content(offset, where, 24).hex()}"
    ahead = (found - offset - where) % _PERIOD
    if ahead < _PERIOD // 2 and ahead < 64 << 20:
        likely = f"{ahead} bytes are lost"
    else:
        likely = f"{_PERIOD - ahead} bytes are repeated"
    mixed = [name for name, other in others if other != offset and (found - other) % _PERIOD < 1 << 20]
    return f"at byte {where} {likely}" + (f", or it is {' or '.join(mixed)}" if mixed else "")


class End:
    """One end of a transfer: what it sends, and what it has received."""

    def __init__(self, name, seed, goal, pace):
        self.name = name
        self.socket = None
        self.chance = random.Random(seed)
        self.offset = self.chance.randrange(_PERIOD)
        self.goal = goal  # bytes to send; None: until finish()
        self.pace = pace  # bytes a second, on the average; None: as fast as it goes
        self.sent = 0
        self.finished = False  # the FIN has gone
        self.received = 0
        self.outcome = None  # how the other's direction ended: "end" or "reset"
        self.ended_at = None
        self.due = 0.0
        self.reading = True
        self.last_received = time.monotonic()
        self.longest_silence = 0.0
        self.head = b""
        self.preamble = 0
        self.to_say = b""
        self.piece = 0
        self.mask = None


class Transfer:
    def __init__(self, number, order, user, service):
        self.number, self.order = number, order
        self.user, self.service = user, service
        self.failure = None
        self.met = False  # its first bytes have reached the service
        self.opened = False  # and the service's the user

    @property
    def ends(self):
        return ((self.user, self.service), (self.service, self.user))

    @property
    def done(self):
        return bool(self.failure) or all(each.finished and each.outcome for each in (self.user, self.service))

    def __repr__(self):
        def say(end):
            goal = "" if end.goal is None else f"/{end.goal}"
            return f"{end.name} sent {end.sent}{goal}{' FIN' if end.finished else ''}, received {end.received} {end.outcome or ''}".strip()

        return f"transfer {self.number} ({self.order}): {say(self.user)}; {say(self.service)}{'; ' + self.failure if self.failure else ''}"


class Transfers:
    """The service and the users. `port` is where the service listens; users go where start() is told."""

    def __init__(self, test, seed=0):
        self._chance = random.Random(seed)
        self._transfers = {}
        self._numbers = itertools.count()
        self._poll = select.epoll()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._poll.register(self._listener, select.EPOLLIN)
        self._wake_read, self._wake_write = os.pipe()
        self._poll.register(self._wake_read, select.EPOLLIN)
        self._by_descriptor = {}
        self._unknown = {}  # connections that have not said which transfer they are
        self._commands = collections.deque()
        self._clock = []  # (when, number of entry, transfer, end, other)
        self._ticks = itertools.count()
        self._closed = False
        self.broken = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        test.addCleanup(self.close)

    # ---- what tests call

    def start(self, port, up=None, down=None, order=FREE, pace=None, host="127.0.0.1"):
        """A new connection of a user to `port`. `up` and `down` are bytes; None: until finish()."""
        number = next(self._numbers)
        transfer = Transfer(number, order, End(f"user {number}", self._chance.getrandbits(64), up, pace),
                            End(f"service {number}", self._chance.getrandbits(64), down, pace))
        self._transfers[number] = transfer

        def begin():
            end = transfer.user
            end.socket = socket.socket()
            end.socket.setblocking(False)
            end.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            end.to_say = _HEADER.pack(_MAGIC, number)
            end.preamble = len(_HELLO)
            end.socket.connect_ex((host, port))
            self._attach(transfer, end, transfer.service)

        self._call(begin)
        return transfer

    def finish(self, *transfers, more=100_000):
        """Lets those that have no end of their own come to one, after up to so many more bytes."""
        def work():
            for transfer in transfers:
                for end, other in transfer.ends:
                    if end.goal is None:
                        end.goal = end.sent + end.chance.randrange(more)
                    end.due = 0
                    self._watch(transfer, end, other)

        self._call(work)

    def read(self, transfer, end, reading):
        """Whether an end takes what comes for it."""
        def work():
            end.reading = reading
            self._watch(transfer, end, transfer.service if end is transfer.user else transfer.user)

        self._call(work)

    def pace(self, transfer, pace):
        def work():
            for end, other in transfer.ends:
                end.pace, end.due = pace, 0
                self._watch(transfer, end, other)

        self._call(work)

    def reset(self, transfer, end):
        """One end is gone, as in a crash: the other one must see a reset."""
        def work():
            end.finished, end.outcome = True, "gone"
            self._release(end, reset=True)

        self._call(work)

    def wait_open(self, transfers, timeout=20.0):
        self.wait_until(transfers, lambda each: each.opened, "opened", timeout)

    def wait_moving(self, transfers, least=100_000, timeout=20.0):
        """Until each has received so many bytes in both directions in all."""
        self.wait_until(transfers, lambda each: each.user.received >= least and each.service.received >= least, f"passed {least} bytes", timeout)

    def wait_past(self, transfers, timeout=20.0):
        """Until bytes arrive, in both directions, that were sent after this call: what was under way proves nothing."""
        marks = {each: (each.user.sent, each.service.sent) for each in transfers}
        self.wait_until(transfers, lambda each: each.service.received > marks[each][0] and each.user.received > marks[each][1],
                        "went on", timeout)

    def wait_done(self, transfers, timeout=60.0):
        """Until all have ended as they should, each byte in its place."""
        self.wait_until(transfers, lambda each: each.done, "ended", timeout)

    def wait_until(self, transfers, condition, what, timeout):
        def look():
            self._check(transfers)
            return all(condition(each) for each in transfers)

        try:
            wait_until(look, "", timeout)
        except Broken as error:
            raise AssertionError(str(error)) from None
        except AssertionError as error:
            late = [each for each in transfers if not condition(each)]
            raise AssertionError(f"{len(late)} of {len(transfers)} transfers not {what} within {seconds(timeout):g} s: "
                                 f"{late[:5]}") from error

    def check(self, transfers=None):
        """An assertion that no transfer has failed."""
        try:
            self._check(transfers)
        except Broken as error:
            raise AssertionError(str(error)) from None

    def _check(self, transfers):
        failed = [each for each in (self._transfers.values() if transfers is None else transfers) if each.failure]
        if failed or self.broken:
            raise Broken(self.broken or f"{len(failed)} of {len(transfers or self._transfers)} transfers failed: {failed[:5]}")

    @property
    def all(self):
        return list(self._transfers.values())

    def forget(self, transfers):
        """Those that are done."""
        for each in transfers:
            self._transfers.pop(each.number, None)

    def close(self):
        self._closed = True
        os.write(self._wake_write, b"x")
        self._thread.join(10)
        for transfer in self._transfers.values():
            for end, _ in transfer.ends:
                if end.socket:
                    end.socket.close()
        for one in (self._listener, *self._unknown.values()):
            abandon(one)
            one.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    # ---- the thread

    def _call(self, work):
        self._commands.append(work)
        os.write(self._wake_write, b"x")

    def _run(self):
        try:
            while not self._closed:
                wait = max(0.0, self._clock[0][0] - time.monotonic()) + 0.0005 if self._clock else None
                for descriptor, events in self._poll.poll(wait):
                    if descriptor == self._listener.fileno():
                        self._accept()
                    elif descriptor == self._wake_read:
                        os.read(self._wake_read, 4096)
                    elif descriptor in self._unknown:
                        self._meet(descriptor)
                    elif descriptor in self._by_descriptor:
                        self._handle(*self._by_descriptor[descriptor], events)
                while self._commands:
                    self._commands.popleft()()
                now = time.monotonic()
                while self._clock and self._clock[0][0] <= now:
                    _, _, transfer, end, other = heapq.heappop(self._clock)
                    self._watch(transfer, end, other)
        except BaseException as error:  # a mistake in here must not look like one of the programs
            self.broken = f"the transfers' thread broke: {error!r}"
            raise

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._unknown[connection.fileno()] = connection
            self._poll.register(connection, select.EPOLLIN)

    def _meet(self, descriptor):
        """The header comes in one piece, but for a rare case that waits for the next event."""
        connection = self._unknown[descriptor]
        try:
            head = connection.recv(_HEADER.size, socket.MSG_PEEK)
            if 0 < len(head) < _HEADER.size:
                return
        except OSError:
            head = b""
        del self._unknown[descriptor]
        self._poll.unregister(connection)
        if not head:  # its user went away before it said anything
            connection.close()
            return
        magic, number = _HEADER.unpack(connection.recv(_HEADER.size))
        transfer = self._transfers.get(number)
        if magic != _MAGIC or transfer is None or transfer.service.socket:
            self.broken = f"a connection began with {head!r}, which is {'there already' if transfer else 'no transfer'}"
            connection.close()
            return
        transfer.met = True
        transfer.service.socket = connection
        transfer.service.to_say = _HELLO
        self._attach(transfer, transfer.service, transfer.user)

    def _attach(self, transfer, end, other):
        self._by_descriptor[end.socket.fileno()] = (transfer, end, other)
        end.mask = None
        self._watch(transfer, end, other)

    def _may_send(self, transfer, end, other):
        if end.to_say:
            return True
        if end.finished or end.outcome == "reset":
            return False
        if transfer.order == ANSWER and end is transfer.service or transfer.order == QUESTION and end is transfer.user:
            if not end.outcome:
                return False
        return True

    def _watch(self, transfer, end, other):
        if end.socket is None or end.outcome in ("reset", "gone"):
            return
        if end.finished and end.outcome:
            self._release(end)
            return
        wanted = select.EPOLLIN if end.reading and not end.outcome else 0
        if self._may_send(transfer, end, other):
            now = time.monotonic()
            if end.due <= now:
                wanted |= select.EPOLLOUT
            else:
                heapq.heappush(self._clock, (end.due, next(self._ticks), transfer, end, other))
        if wanted != end.mask:
            (self._poll.register if end.mask is None else self._poll.modify)(end.socket, wanted)
            end.mask = wanted

    def _release(self, end, reset=False):
        if end.socket is None:
            return
        if end.mask is not None:
            self._poll.unregister(end.socket)
        self._by_descriptor.pop(end.socket.fileno(), None)
        if reset:
            end.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.socket.close()
        end.socket = None

    def _handle(self, transfer, end, other, events):
        if end.socket is None:
            return
        try:
            if events & select.EPOLLERR or events & select.EPOLLHUP and not end.mask & select.EPOLLIN:
                error = end.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if error or events & select.EPOLLERR:
                    raise OSError(error, os.strerror(error))
            if events & (select.EPOLLIN | select.EPOLLHUP) and end.reading and not end.outcome:
                self._receive(transfer, end, other)
            if end.socket and events & select.EPOLLOUT and not end.outcome == "reset":
                self._send(transfer, end, other)
        except BlockingIOError:
            pass
        except OSError as error:
            self._lost(transfer, end, other, error)
            return
        self._watch(transfer, end, other)

    def _lost(self, transfer, end, other, error):
        end.outcome, end.ended_at = "reset", time.monotonic()
        self._release(end)
        if other.outcome != "gone" and not transfer.failure:
            transfer.failure = f"{end.name}: {error.strerror or error} after {end.received} of {other.sent} bytes"

    def _fail(self, transfer, text):
        transfer.failure = transfer.failure or text
        for end, _ in transfer.ends:
            end.outcome = end.outcome or "failed"
            self._release(end, reset=True)

    def _receive(self, transfer, end, other):
        for _ in range(4):
            data = end.socket.recv(_PIECE)
            now = time.monotonic()
            end.longest_silence = max(end.longest_silence, now - end.last_received)
            end.last_received = now
            if not data:
                end.outcome, end.ended_at = "end", now
                if not other.finished or end.received != other.goal or end.preamble:
                    # The other end is left to see for itself.
                    self._release(end, reset=True)
                    end.finished = True
                    transfer.failure = transfer.failure or (f"{end.name}: an orderly end after {end.received} bytes of {other.goal}, of which "
                                                            f"{other.sent} were sent{' with a FIN' if other.finished else ''}")
                return
            if end.preamble:
                transfer.opened = True
                if data[:1] != _HELLO:
                    self._fail(transfer, f"{end.name}: the first byte is {data[:1]!r}")
                    return
                data = data[end.preamble:]
                end.preamble = 0
            if data:
                wrong = diagnosis(other.offset, end.received, data, self._others())
                if wrong:
                    self._fail(transfer, f"{end.name}: {wrong}")
                    return
                end.received += len(data)
                if end.received > other.sent:
                    self._fail(transfer, f"{end.name}: {end.received} bytes came of {other.sent} that were sent")
                    return
            if len(data) < _PIECE // 2:
                return

    def _others(self):
        # Only looked at when something is wrong.
        return ((end.name, end.offset) for transfer in self._transfers.values() for end, _ in transfer.ends)

    def _send(self, transfer, end, other):
        if end.to_say:
            end.to_say = end.to_say[end.socket.send(end.to_say):]
            return
        if not self._may_send(transfer, end, other):
            return
        for _ in range(4):
            if end.goal is not None and end.sent >= end.goal:
                end.finished = True
                end.socket.shutdown(socket.SHUT_WR)
                return
            if not end.piece:
                # From single bytes to the largest piece, all magnitudes alike; but no pause of many seconds after one.
                end.piece = int(2 ** end.chance.uniform(0, 18)) if end.pace or end.chance.random() < 0.05 else _PIECE
                end.piece = min(end.piece, max(int(end.pace / 4), 1)) if end.pace else end.piece
            size = end.piece if end.goal is None else min(end.piece, end.goal - end.sent)
            # The number is raised before the bytes can come out of the other end: both are of this thread.
            sent = end.socket.send(content(end.offset, end.sent, size))
            end.sent += sent
            end.piece = max(end.piece - sent, 0)
            if end.pace:
                end.due = time.monotonic() + sent / end.pace * end.chance.uniform(0, 2)
                return


class Broken(Exception):
    """Something that no wait makes better."""
