"""A bad way between the clients and the server: passes TCP on, and cuts, stalls, delays, throttles and spoils it when told to.

    chaos_proxy.py SERVER-PORT

Commands come in as lines of JSON, [number, name, arguments]; each is answered by one, [number, answer]. One thread, so that a
command finds every connection at rest. harness/chaos.py is the side that tests see.
"""
import collections
import errno
import json
import os
import random
import resource
import select
import socket
import struct
import sys
import time

READ = 262144  # bytes at a time
QUEUE = 1 << 20  # bytes held for a sink that does not take them; what a delay or a rate holds may be more
LONG_QUEUE = 16 << 20
KINDS = {b"GE": "control", b"\xfd\x01": "data", b"\x16\x03": "tls"}
UP, DOWN = "up", "down"


class Direction:
    """What one side says to the other."""

    def __init__(self, name, source, sink):
        self.name, self.source, self.sink = name, source, sink
        self.queue = collections.deque()  # [when it may go, bytes]
        self.queued = 0
        self.ended = False  # the source has said FIN
        self.told = False  # so has the sink been told
        self.stalled = False  # neither read nor passed on
        self.swallowed = False  # read, and passed on to nobody
        self.spoil = None  # what to do to the next bytes: "flip" or "drop"
        self.received = 0
        self.passed = 0
        self.free_at = 0.0  # when a throttled direction may send again


class Link:
    def __init__(self, number, door, near):
        self.number, self.door, self.near = number, door, near
        self.far = None
        self.connected = False
        self.kind = "new"
        self.dead = set()  # descriptors that their peers have reset while nobody was to hear of it
        self.masks = {}
        self.directions = {}
        self.closed = False

    def tell(self):
        return {"id": self.number, "door": self.door.name, "kind": self.kind,
                "stalled": any(each.stalled for each in self.directions.values()),
                **{name: each.passed for name, each in self.directions.items()}}


class Door:
    """A port that leads to the server."""

    def __init__(self, name):
        self.name = name
        self.port = 0
        self.listener = None
        self.policies = {}  # kind, or "all": "refuse", "reset" or "hang", until when
        self.delay = 0.0  # seconds
        self.rate = 0  # bytes a second and direction; 0: as fast as it goes
        self.source = ""  # address that the server sees

    def policy(self, kind):
        for each in (kind, "all"):
            mode, until = self.policies.get(each, ("open", 0))
            if mode != "open" and time.monotonic() < until:
                return mode
        return "open"


class Proxy:
    def __init__(self, server_port):
        self.server_port = server_port
        self.poll = select.epoll()
        self.doors = {}
        self.links = {}
        self.by_descriptor = {}  # (link, which of its sockets)
        self.number = 0
        self.commands = b""
        self.waiting = set()  # links in which something waits for its time
        self.totals = collections.Counter()
        os.set_blocking(0, False)
        self.poll.register(0, select.EPOLLIN)

    # ---- the loop

    def run(self):
        while True:
            for descriptor, events in self.poll.poll(self.patience()):
                if descriptor == 0:
                    if not self.read_commands():
                        return
                elif descriptor in self.by_descriptor:
                    what, side = self.by_descriptor[descriptor]
                    if isinstance(what, Door):
                        self.accept(what)
                    else:
                        self.handle(what, side, events)
            now = time.monotonic()
            for link in list(self.waiting):
                self.write_all(link, now)
            for door in self.doors.values():
                if door.listener is None and door.policy("new") != "refuse":
                    self.listen(door)

    def patience(self):
        """Seconds to the next thing that is due by the clock."""
        times = [direction.queue[0][0] for link in self.waiting for direction in link.directions.values() if direction.queue]
        times += [until for door in self.doors.values() if door.listener is None for _, until in door.policies.values()]
        return min(max(0, min(times) - time.monotonic()) + 0.0005, 60) if times else None

    def listen(self, door):
        door.listener = socket.create_server(("127.0.0.1", door.port), backlog=4096)
        door.listener.setblocking(False)
        door.port = door.listener.getsockname()[1]
        self.by_descriptor[door.listener.fileno()] = (door, None)
        self.poll.register(door.listener, select.EPOLLIN)

    def deafen(self, door):
        if door.listener:
            self.poll.unregister(door.listener)
            del self.by_descriptor[door.listener.fileno()]
            door.listener.close()
            door.listener = None

    def accept(self, door):
        while door.listener:
            try:
                near, _ = door.listener.accept()
            except OSError:
                return
            near.setblocking(False)
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.number += 1
            link = Link(self.number, door, near)
            self.links[link.number] = link
            self.by_descriptor[near.fileno()] = (link, near)
            self.totals["accepted"] += 1
            if door.policy("new") == "reset":
                self.end(link, "rst")
            elif door.policy("new") == "hang":
                link.kind = "hung"
            else:
                self.reach(link)

    def reach(self, link):
        far = socket.socket()
        far.setblocking(False)
        far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if link.door.source:
            far.bind((link.door.source, 0))
        link.far = far
        self.by_descriptor[far.fileno()] = (link, far)
        link.directions = {UP: Direction(UP, link.near, far), DOWN: Direction(DOWN, far, link.near)}
        if far.connect_ex(("127.0.0.1", self.server_port)) not in (0, errno.EINPROGRESS):
            self.end(link, "rst")
            return
        self.watch(link)

    def watch(self, link):
        """Asks the system for exactly what this link can use now."""
        if link.closed:
            return
        now = time.monotonic()
        wanted = {link.near: 0, link.far: 0}
        for direction in link.directions.values():
            limit = LONG_QUEUE if link.door.delay or link.door.rate else QUEUE
            if link.connected and not direction.ended and not direction.stalled and direction.queued < limit:
                wanted[direction.source] |= select.EPOLLIN
            if direction.queue and not direction.stalled and direction.queue[0][0] <= now:
                wanted[direction.sink] |= select.EPOLLOUT
        if not link.connected:
            wanted[link.far] |= select.EPOLLOUT
        for side, mask in wanted.items():
            before = link.masks.get(side)
            if side in link.dead or before == mask:
                continue
            (self.poll.modify if before is not None else self.poll.register)(side, mask)
            link.masks[side] = mask
        later = any(each.queue and not each.stalled and each.queue[0][0] > now for each in link.directions.values())
        (self.waiting.add if later else self.waiting.discard)(link)

    def handle(self, link, side, events):
        if link.far is None:
            return
        if not link.connected and side is link.far:
            if link.far.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self.end(link, "rst")
                return
            link.connected = True
        if events & select.EPOLLHUP and not events & select.EPOLLERR and self.over(link, side):
            # It has said all and heard all, while the other side has yet to take what is queued for it.
            self.ignore(link, side)
        elif events & select.EPOLLERR or (events & select.EPOLLHUP and not link.masks.get(side)):
            self.lost(link, side)
            return
        now = time.monotonic()
        for direction in link.directions.values():
            if direction.source is side and events & (select.EPOLLIN | select.EPOLLHUP) and link.connected and not direction.stalled:
                if not self.read(link, direction, now):
                    return
        self.write_all(link, now)

    def over(self, link, side):
        return all(each.ended if each.source is side else each.told for each in link.directions.values())

    def ignore(self, link, side):
        link.dead.add(side)
        if link.masks.pop(side, None) is not None:
            self.poll.unregister(side)

    def lost(self, link, side):
        """A side was reset. The other hears of it, unless the way between them is stalled."""
        if any(each.stalled or each.swallowed for each in link.directions.values()):
            self.ignore(link, side)
        else:
            self.end(link, "rst")

    def read(self, link, direction, now):
        if direction.ended:
            return True
        try:
            data = direction.source.recv(READ)
        except BlockingIOError:
            return True
        except OSError:
            self.lost(link, direction.source)
            return not link.closed
        if not data:
            direction.ended = True
            return True
        if link.kind == "new" and direction.name == UP:
            link.kind = KINDS.get(data[:2], "other")
            policy = link.door.policy(link.kind)
            if policy in ("reset", "refuse"):
                self.end(link, "rst")
                return False
            if policy == "hang":
                self.set_stalled(link, [UP, DOWN], True)
        direction.received += len(data)
        if direction.swallowed:
            return True
        if direction.spoil:
            if direction.spoil == "drop":
                data = b""
            else:
                at = random.randrange(len(data))
                data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]
            direction.spoil = None
            self.totals["spoilt"] += 1
            if not data:
                return True
        due = now + link.door.delay
        if link.door.rate:
            direction.free_at = max(direction.free_at, due) + len(data) / link.door.rate
            due = direction.free_at
        direction.queue.append([due, memoryview(data)])
        direction.queued += len(data)
        return True

    def write_all(self, link, now):
        for direction in link.directions.values():
            if link.closed or not self.write(link, direction, now):
                return
        if link.directions and all(each.told for each in link.directions.values()):
            self.end(link, "close")
        else:
            self.watch(link)

    def write(self, link, direction, now):
        while direction.queue and not direction.stalled and direction.queue[0][0] <= now and direction.sink not in link.dead:
            entry = direction.queue[0]
            try:
                sent = direction.sink.send(entry[1])
            except BlockingIOError:
                break
            except OSError:
                self.lost(link, direction.sink)
                return not link.closed
            direction.passed += sent
            direction.queued -= sent
            if sent == len(entry[1]):
                direction.queue.popleft()
            else:
                entry[1] = entry[1][sent:]
        if direction.ended and not direction.told and not direction.queue and not direction.stalled and not direction.swallowed:
            direction.told = True
            try:
                direction.sink.shutdown(socket.SHUT_WR)
            except OSError:
                pass
        return True

    def end(self, link, how):
        """`rst`: both sides are reset; `fin`: both see an end of stream; what is under way is lost either way."""
        if link.closed:
            return
        link.closed = True
        self.waiting.discard(link)
        self.links.pop(link.number, None)
        for side in (link.near, link.far):
            if side is None:
                continue
            if link.masks.get(side) is not None and side not in link.dead:
                self.poll.unregister(side)
            del self.by_descriptor[side.fileno()]
            if how == "rst":
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif how == "fin":
                # Unread bytes would make a reset of it.
                try:
                    side.shutdown(socket.SHUT_WR)
                    while side.recv(READ):
                        pass
                except OSError:
                    pass
            side.close()

    def set_stalled(self, link, directions, stalled):
        for name in directions:
            if name in link.directions:
                link.directions[name].stalled = stalled

    # ---- commands

    def read_commands(self):
        try:
            data = os.read(0, 65536)
        except BlockingIOError:
            return True
        if not data:
            return False
        self.commands += data
        *lines, self.commands = self.commands.split(b"\n")
        for line in lines:
            number, name, arguments = json.loads(line)
            print(json.dumps([number, getattr(self, "do_" + name)(**arguments)]), flush=True)
        return True

    def find(self, ids):
        return [self.links[each] for each in ids if each in self.links]

    def do_door(self, name):
        door = self.doors[name] = Door(name)
        self.listen(door)
        return door.port

    def do_links(self):
        return [link.tell() for link in self.links.values()]

    def do_totals(self):
        return dict(self.totals)

    def do_cut(self, ids, how):
        found = self.find(ids)
        for link in found:
            self.totals["cut"] += 1
            if how in ("near", "far"):
                # One side is reset, the other hears nothing any more: what a NAT without its mapping does.
                self.set_stalled(link, [UP, DOWN], True)
                side = link.near if how == "near" else link.far
                if side is None or side in link.dead:
                    continue
                self.ignore(link, side)
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                del self.by_descriptor[side.fileno()]
                side.close()
                spare = socket.socket()  # so that the link still owns a descriptor, and closes it once
                self.by_descriptor[spare.fileno()] = (link, spare)
                link.dead.add(spare)
                for direction in link.directions.values():
                    direction.source = spare if direction.source is side else direction.source
                    direction.sink = spare if direction.sink is side else direction.sink
                if how == "near":
                    link.near = spare
                else:
                    link.far = spare
                self.watch(link)
            else:
                self.end(link, how)
        return len(found)

    def do_stall(self, ids, directions, on, swallow):
        found = self.find(ids)
        for link in found:
            if swallow:
                for name in directions:
                    if name in link.directions:
                        link.directions[name].swallowed = on
            else:
                self.set_stalled(link, directions, on)
            if link.far is None:
                continue
            if not on and any(not self.over(link, side) for side in link.dead):
                self.end(link, "rst")
            else:
                self.write_all(link, time.monotonic())
        return len(found)

    def do_spoil(self, ids, direction, how):
        found = self.find(ids)
        for link in found:
            if direction in link.directions:
                link.directions[direction].spoil = how
        return len(found)

    def do_policy(self, door, mode, kind, seconds):
        door = self.doors[door]
        door.policies[kind] = (mode, time.monotonic() + seconds)
        if kind == "all" and mode == "refuse":
            self.deafen(door)

    def do_shape(self, door, delay, rate):
        self.doors[door].delay, self.doors[door].rate = delay, rate

    def do_source(self, door, address):
        self.doors[door].source = address

    def do_server(self, port):
        self.server_port = port


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    proxy = Proxy(int(sys.argv[1]))
    print("ready", flush=True)
    proxy.run()


main()
