#!/usr/bin/python3
"""What a forwarded connection keeps of TCP: half-close, resets, back-pressure, and no byte more or less."""
import hashlib
import queue
import select
import socket
import struct
import threading

from harness import (IntegrationTest, SANITIZED, TcpService, connect, expect_eof, expect_reset, expect_reset_user, main, random_bytes,
                     recv_exactly, roundtrip, seconds, serve_echo, wait_until)



def most_on_the_way():
    """What the kernel may hold for a connection of four hops, in bytes, with a little for the pipes between them.
    It is a lot on new kernels; that the programs hold next to nothing of it is what their resident memory shows."""
    hop = 0
    for name in ("tcp_wmem", "tcp_rmem"):
        with open(f"/proc/sys/net/ipv4/{name}", encoding="ascii") as text:
            hop += int(text.read().split()[2])
    return 4 * hop + (8 << 20)


def reset(connection):
    """Closes with a RST: what a crash or an abort does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Pump(IntegrationTest):
    def open(self, handler):
        """A user's connection to a service; returns it with the tunnel."""
        self.service = service = TcpService(self, handler)
        through = self.tunnel(service.port)
        user = connect(through.port(service.port))
        self.addCleanup(user.close)
        return user, through

    def open_held(self):
        """The same to a service that leaves its connections to the test, until it is done with them."""
        there = queue.Queue()
        done = threading.Event()
        self.addCleanup(done.set)

        def serve(connection):
            there.put(connection)
            done.wait(seconds(120))

        return *self.open(serve), there, done

    def test_the_user_closes_its_half_first(self):
        """As HTTP/1.0 and `ssh host cat` do: all of the request, its end, then the answer."""
        request = random_bytes(2_000_000)
        answer = random_bytes(3_000_000)

        def serve(connection):
            digest = hashlib.sha256()
            while data := connection.recv(65536):
                digest.update(data)
            connection.sendall(digest.digest() + answer)

        user, _ = self.open(serve)
        user.sendall(request)
        user.shutdown(socket.SHUT_WR)
        self.assertEqual(recv_exactly(user, 32), hashlib.sha256(request).digest())
        self.assertEqual(recv_exactly(user, len(answer)), answer)
        expect_eof(user)

    def test_the_service_closes_its_half_first(self):
        received = queue.Queue()

        def serve(connection):
            connection.sendall(b"that is all from me")
            connection.shutdown(socket.SHUT_WR)
            content = b""
            while data := connection.recv(65536):
                content += data
            received.put(content)

        user, _ = self.open(serve)
        self.assertEqual(recv_exactly(user, 19), b"that is all from me")
        expect_eof(user)
        content = random_bytes(2_000_000)
        user.sendall(content)
        user.shutdown(socket.SHUT_WR)
        self.assertEqual(hashlib.sha256(received.get(timeout=seconds(20))).digest(), hashlib.sha256(content).digest())

    def test_an_end_without_a_byte(self):
        """The user says nothing and ends: so does the service's connection."""
        ends = queue.Queue()
        user, _ = self.open(lambda connection: ends.put(connection.recv(10)))
        user.shutdown(socket.SHUT_WR)
        self.assertEqual(ends.get(timeout=seconds(10)), b"")
        expect_eof(user)

    def test_a_service_that_speaks_first(self):
        user, _ = self.open(lambda connection: (connection.sendall(b"220 ready\r\n"), connection.recv(10)))
        self.assertEqual(recv_exactly(user, 11), b"220 ready\r\n")

    def test_a_service_that_is_silent(self):
        """Nothing from the service for a while: what the user sends arrives all the same."""
        received = queue.Queue()

        def serve(connection):
            while data := connection.recv(100):
                received.put(data)

        user, _ = self.open(serve)
        for word in (b"one", b"two", b"three"):
            user.sendall(word)
            self.assertEqual(received.get(timeout=seconds(10)), word)

    def test_the_users_reset_reaches_the_service(self):
        ends = queue.Queue()

        def serve(connection):
            connection.sendall(connection.recv(10))
            try:
                ends.put(connection.recv(10))
            except ConnectionResetError as error:
                ends.put(error)

        user, _ = self.open(serve)
        roundtrip(user, b"hello")
        reset(user)
        self.assertIsInstance(ends.get(timeout=seconds(10)), ConnectionResetError)

    def test_the_services_reset_reaches_the_user(self):
        def serve(connection):
            connection.sendall(connection.recv(10))
            connection.recv(10)
            reset(connection)

        user, _ = self.open(serve)
        roundtrip(user, b"hello")
        user.sendall(b"go")
        expect_reset(user)

    def test_a_reset_after_half_a_close(self):
        """The user has ended its half; the service then gives up: the user must learn that the answer is not whole."""
        def serve(connection):
            while connection.recv(65536):
                pass
            connection.sendall(b"the first half of the ans")
            begin.wait(seconds(20))
            reset(connection)

        begin = threading.Event()
        user, _ = self.open(serve)
        user.sendall(b"question")
        user.shutdown(socket.SHUT_WR)
        self.assertEqual(recv_exactly(user, 25), b"the first half of the ans")
        begin.set()
        expect_reset(user)

    def fill(self, connection, block):
        """Sends until nothing has been taken for a second; returns how many bytes were."""
        connection.setblocking(False)
        limit = most_on_the_way()
        sent = 0
        while select.select([], [connection], [], seconds(1))[1]:
            try:
                sent += connection.send(block[sent % len(block):])
            except BlockingIOError:
                continue
            self.assertLess(sent, limit, "a reader that does not read does not stop the writer")
        connection.settimeout(seconds(60))
        return sent

    def drain(self, connection, block, amount):
        """Reads so many bytes and compares them with the block, again and again from its beginning."""
        offset = 0
        while offset < amount:
            data = connection.recv(min(1 << 20, amount - offset, len(block) - offset % len(block)))
            self.assertTrue(data, "the stream ended too early")
            self.assertEqual(data, block[offset % len(block):][:len(data)])
            offset += len(data)

    def test_back_pressure(self):
        """A reader that stops reading stops the writer, in both directions; nothing is lost, and memory stays bounded."""
        block = random_bytes(4_000_000)
        user, through, there, done = self.open_held()
        user.sendall(b"x")
        service_side = there.get(timeout=seconds(10))
        recv_exactly(service_side, 1)
        before = [process.resident_kib() for process in through.processes]
        amounts = []
        for writer, reader in ((user, service_side), (service_side, user)):
            amounts.append(self.fill(writer, block))
        if not SANITIZED:
            for process, was in zip(through.processes, before):
                self.assertLess(process.resident_kib(), was + 8_000, f"{process.name} holds what nobody reads")
        for (writer, reader), amount in zip(((user, service_side), (service_side, user)), amounts):
            self.drain(reader, block, amount)
        done.set()

    def test_a_reset_after_the_service_has_ended_its_half(self):
        """The service has said all and then dies: a user that is silent, or writes, learns of it at once."""
        for writes in (False, True):
            with self.subTest(writes=writes):
                begin = threading.Event()

                def serve(connection):
                    connection.sendall(connection.recv(10))
                    connection.shutdown(socket.SHUT_WR)
                    begin.wait(seconds(20))
                    reset(connection)

                user, _ = self.open(serve)
                roundtrip(user, b"hello")
                expect_eof(user)
                if writes:
                    self.fill(user, random_bytes(4_000_000))
                user.settimeout(seconds(5))
                begin.set()
                closed = select.poll()
                closed.register(user, select.POLLERR)
                events = closed.poll(1000 * seconds(5))
                self.assertTrue(events and events[0][1] & select.POLLERR, "the user is not told")

    def test_a_writer_that_is_stopped_and_gives_up(self):
        """The user goes while all that it wrote waits for a service that does not read: this one learns of it."""
        user, through, there, _ = self.open_held()
        port = through.port(self.service.port)
        for _ in range(3):
            service_side = there.get(timeout=seconds(10))
            self.fill(user, random_bytes(4_000_000))
            reset(user)
            service_side.settimeout(seconds(20))
            with self.assertRaises(ConnectionResetError):
                while service_side.recv(1 << 20):
                    pass
            user = connect(port)
            self.addCleanup(user.close)
        there.get(timeout=seconds(10)).sendall(b"still here")
        self.assertEqual(recv_exactly(user, 10), b"still here")

    def test_many_stopped_readers(self):
        """50 users that stop reading hold their own buffers in the kernel, and in the programs what is unacknowledged."""
        stop = threading.Event()
        self.addCleanup(stop.set)

        def pour(connection):
            connection.settimeout(0.5)
            block = bytes(65536)
            while not stop.is_set():
                try:
                    connection.sendall(block)
                except TimeoutError:
                    pass

        service = TcpService(self, pour)
        through = self.tunnel(service.port)
        quiet = serve_echo(self)
        neighbour = connect(self.client(through.server, "A2", f"B:{quiet.port}").local_port(f"B:{quiet.port}"))
        self.addCleanup(neighbour.close)
        roundtrip(neighbour, b"warm")
        before = [process.resident_kib() for process in through.processes]
        stopped = []
        for _ in range(50):
            user = connect(through.port(service.port))
            user.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            self.addCleanup(user.close)
            stopped.append(user)
        for user in stopped:
            recv_exactly(user, 1)
        for _ in range(100):
            roundtrip(neighbour, random_bytes(20_000))
        if not SANITIZED:
            for process, was in zip(through.processes, before):
                self.assertLess(process.resident_kib(), was + 50 * 2_500 + 8_000, f"{process.name} buffers for readers that do not read")

    def test_a_service_that_hangs_up_at_once(self):
        """Each user's connection is one connection of the service, however it ends: nothing is tried a second time."""
        for name, hang_up in (("FIN", lambda connection: None), ("RST", reset)):
            with self.subTest(name):
                service = TcpService(self, hang_up)
                port = self.tunnel(service.port).port(service.port)
                for _ in range(30):
                    if name == "RST":
                        expect_reset_user(port)
                        continue
                    with connect(port) as user:
                        expect_eof(user)
                self.assertEqual(service.accepted, 30)

    def test_every_size(self):
        """Around every buffer size that a pump might have."""
        user, _ = self.open(lambda connection: [connection.sendall(data) for data in iter(lambda: connection.recv(65536), b"")])
        for power in range(0, 21):
            for size in (2 ** power - 1, 2 ** power, 2 ** power + 1):
                roundtrip(user, random_bytes(size))

    def test_short_lives(self):
        """Connect, say a line, close at once: each line arrives whole, though its user has long gone."""
        received = queue.Queue()

        def serve(connection):
            content = b""
            while data := connection.recv(65536):
                content += data
            received.put(content)

        service = TcpService(self, serve)
        port = self.tunnel(service.port).port(service.port)
        lines = [b"line %d\n" % number * (number % 50) for number in range(400)]
        for line in lines:
            with connect(port) as user:
                user.sendall(line)
        self.assertEqual(sorted(received.get(timeout=seconds(20)) for _ in lines), sorted(lines))

    def test_users_that_give_up(self):
        """Resets at any moment of the setting up leave nothing behind, and the next user is served."""
        service = serve_echo(self)
        port = self.tunnel(service.port).port(service.port)
        for number in range(300):
            user = connect(port)
            if number % 3:
                user.sendall(random_bytes(number % 3 * 500))
            reset(user)
        with connect(port) as user:
            roundtrip(user, random_bytes(50_000))
        wait_until(lambda: service.active == 0, "the service's connections end with the users'")

    def test_nothing_is_left_after_the_end(self):
        """Both ends know when the other is gone; the server forgets the session."""
        service = serve_echo(self)
        through = self.tunnel(service.port)
        users = [connect(through.port(service.port)) for _ in range(20)]
        for user in users:
            roundtrip(user, b"hello")
        self.assertEqual(service.active, 20)
        for user in users:
            user.close()
        wait_until(lambda: service.active == 0, "the service's connections end with the users'")


if __name__ == "__main__":
    main()
