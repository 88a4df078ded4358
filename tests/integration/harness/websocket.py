"""A WebSocket client by hand (RFC 6455), so that a test can also send what a good client never would."""
import base64
import hashlib
import json
import os
import socket
import struct

from .net import connect, recv_exactly
from .timing import seconds

TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 1, 2, 8, 9, 10, 0
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


class Closed(Exception):
    """The other side ended the connection; `code` is that of its close frame, None without one."""

    def __init__(self, code=None, reason=b""):
        super().__init__(f"closed with {code} {reason!r}")
        self.code = code


class WebSocket:
    def __init__(self, port, host="127.0.0.1", path="/", step=None, connection=None):
        """`connection`: one that is there already, perhaps inside TLS. `step` is the number of bytes a send() passes to the system at most: 1 is the slowest of all clients."""
        self.socket = connection or connect(port, host)
        self._step = step
        key = base64.b64encode(os.urandom(16))
        self.send_raw(b"GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      b"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n" % (path.encode(), host.encode(), port, key))
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self.socket.recv(1)
            if not byte:
                raise Closed()
            head += byte
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        assert status.startswith("HTTP/1.1 101 "), status
        assert headers["upgrade"].lower() == "websocket" and headers["connection"].lower() == "upgrade", headers
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest()).decode()
        assert headers["sec-websocket-accept"] == accept, headers

    def send_raw(self, data):
        step = self._step or len(data)
        for start in range(0, len(data), step):
            self.socket.sendall(data[start:start + step])

    def send_frame(self, opcode, payload=b"", fin=True, masked=True):
        length = len(payload)
        head = bytes([(0x80 if fin else 0) | opcode])
        mask_bit = 0x80 if masked else 0
        if length < 126:
            head += bytes([mask_bit | length])
        elif length < 65536:
            head += struct.pack(">BH", mask_bit | 126, length)
        else:
            head += struct.pack(">BQ", mask_bit | 127, length)
        if masked:
            mask = os.urandom(4)
            pad = (mask * (length // 4 + 1))[:length]
            payload = (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(length, "big")
            head += mask
        self.send_raw(head + payload)

    def send_json(self, message):
        self.send_frame(TEXT, json.dumps(message).encode())

    def receive(self, timeout=10.0):
        """The next text message, as bytes. Pings are answered; raises Closed at the end, TimeoutError when nothing comes."""
        self.socket.settimeout(seconds(timeout))
        message = b""
        while True:
            try:
                first, second = recv_exactly(self.socket, 2)
                length = second & 0x7F
                if length >= 126:
                    length = int.from_bytes(recv_exactly(self.socket, 2 if length == 126 else 8), "big")
                payload = recv_exactly(self.socket, length)
            except (AssertionError, ConnectionError):
                raise Closed() from None
            assert not second & 0x80, "a server must not mask (RFC 6455, section 5.1)"
            opcode = first & 0x0F
            if opcode == PING:
                self.send_frame(PONG, payload)
            elif opcode == CLOSE:
                raise Closed(int.from_bytes(payload[:2], "big") if payload else None, payload[2:])
            elif opcode in (TEXT, CONTINUATION):
                message += payload
                if first & 0x80:
                    return message
            else:
                assert opcode == PONG, f"unexpected opcode {opcode}"

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
