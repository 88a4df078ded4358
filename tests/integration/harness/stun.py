"""STUN messages, written from RFC 8489, RFC 5780 and RFC 3489 alone."""
import os
import socket
import struct

COOKIE = 0x2112A442
BINDING_REQUEST, BINDING_SUCCESS, BINDING_ERROR = 0x0001, 0x0101, 0x0111
MAPPED_ADDRESS, CHANGE_REQUEST, SOURCE_ADDRESS, CHANGED_ADDRESS, ERROR_CODE, UNKNOWN_ATTRIBUTES = 1, 3, 4, 5, 9, 10
XOR_MAPPED_ADDRESS, PADDING, RESPONSE_PORT, RESPONSE_ORIGIN, OTHER_ADDRESS = 0x20, 0x26, 0x27, 0x802B, 0x802C
CHANGE_IP, CHANGE_PORT = 4, 2


def attribute(kind, value=b""):
    return struct.pack(">HH", kind, len(value)) + value + bytes(-len(value) % 4)


def change(flags):
    return attribute(CHANGE_REQUEST, struct.pack(">I", flags))


def request(*attributes, kind=BINDING_REQUEST, cookie=COOKIE):
    body = b"".join(attributes)
    return struct.pack(">HHI", kind, len(body), cookie) + os.urandom(12) + body


class Answer:
    """To `asked`; anything that is not one is an assertion."""

    def __init__(self, data, asked):
        self.size = len(data)
        self.kind, length, _ = struct.unpack(">HHI", data[:8])
        if data[4:20] != asked[4:20] or length != len(data) - 20 or length % 4:
            raise AssertionError(f"{data.hex()} is no answer to {asked.hex()}")
        self.attributes = {}
        rest = data[20:]
        while rest:
            kind, length = struct.unpack(">HH", rest[:4])
            self.attributes[kind] = rest[4:4 + length]
            rest = rest[4 + length + -length % 4:]
        self._header = data[4:20]

    def address(self, kind):
        value = self.attributes.get(kind)
        if value is None:
            return None
        port, = struct.unpack(">H", value[2:4])
        ip = value[4:]
        if kind == XOR_MAPPED_ADDRESS:
            port ^= COOKIE >> 16
            ip = bytes(a ^ b for a, b in zip(ip, self._header))
        return socket.inet_ntop(socket.AF_INET if value[1] == 1 else socket.AF_INET6, ip), port

    @property
    def code(self):
        value = self.attributes[ERROR_CODE]
        return value[2] * 100 + value[3]
