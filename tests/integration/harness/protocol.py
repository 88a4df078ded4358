"""A client of the protocol, written from docs/PROTOCOL.md alone: control messages, data channels, carriers, UDP."""
import hashlib
import hmac
import json
import os
import socket
import struct
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .net import connect, recv_exactly
from .timing import seconds
from .websocket import Closed, WebSocket

OPEN, ACCEPT, REJECT, PING, PONG = 1, 2, 3, 4, 5
ANSWER_AT_ONCE = 1
MAX_MESSAGE = 65536
# Options of a ctc whose connections end with their carrier.
AT_ONCE = ["--patience", "0"]
PLAIN = ["--encryption", "none"]  # for a ctc that has to do with carriers of this client, which are not encrypted


def new_key():
    return os.urandom(16).hex()


def proof(token, challenge, client_id, public=b""):
    """`public`: the bytes of the key that the client registers with, if it has one."""
    message = b"chuantou-register-v1\0" + bytes.fromhex(challenge) + b"\0" + client_id.encode()
    if public:
        message += b"\0" + public
    return hmac.new(token.encode(), message, hashlib.sha256).hexdigest()


class Identity:
    """A client's key pair."""

    def __init__(self, temporary=False):
        self.temporary = temporary
        self.private = Ed25519PrivateKey.generate()
        self.public = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def text(self):
        return "ed25519:" + self.public.hex()

    def fields(self):
        """What a registration says of the key."""
        return {"publicKey": self.text, **({"temporaryKey": True} if self.temporary else {})}

    def signature(self, challenge, client_id):
        return self.private.sign(b"chuantou-identity-v1\0" + bytes.fromhex(challenge) + b"\0" + client_id.encode()).hex()


KEYLESS = object()  # instead of an Identity: a client that has none


class ControlChannel:
    """A control connection. Messages that come between are kept until somebody expects them."""

    def __init__(self, test, port, host="127.0.0.1", step=None, connection=None):
        """`step` and `connection` as in WebSocket."""
        self.port = port
        self.host = host
        self.socket = WebSocket(port, host, step=step, connection=connection)
        test.addCleanup(self.socket.close)
        self._kept = []

    def send(self, kind, **payload):
        self.socket.send_json({"type": kind, "payload": payload})

    def receive(self, timeout=10.0):
        """The next message as (type, payload)."""
        if self._kept:
            return self._kept.pop(0)
        message = json.loads(self.socket.receive(timeout))
        return message["type"], message.get("payload", {})

    def expect(self, kind, timeout=10.0):
        """The payload of the next message of this type."""
        deadline = time.monotonic() + seconds(timeout)
        passed = []
        try:
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"no {kind} came, only {passed}")
                try:
                    got, payload = self.receive(left / seconds(1))
                except TimeoutError:
                    raise AssertionError(f"no {kind} came, only {passed}") from None
                if got == kind:
                    return payload
                passed.append((got, payload))
        finally:
            self._kept = passed + self._kept

    def challenge(self, client_id, version=1, key=KEYLESS):
        """The first message of a registration; returns the answer, which has a challenge where the server wants anything proved."""
        fields = {} if key is KEYLESS else key.fields()
        self.send("register", clientId=client_id, version=version, **fields)
        return self.expect("register_response")

    def prove(self, challenge, client_id, token=None, key=KEYLESS, version=1):
        """The second message; returns the answer to it."""
        self.send("register", **self.registration(challenge, client_id, token, key, version))
        return self.expect("register_response")

    @staticmethod
    def registration(challenge, client_id, token=None, key=KEYLESS, version=1):
        fields = {"clientId": client_id, "version": version}
        if key is not KEYLESS:
            fields.update(key.fields(), signature=key.signature(challenge, client_id))
        if token is not None:
            fields["proof"] = proof(token, challenge, client_id, b"" if key is KEYLESS else key.public)
        return fields

    def register(self, client_id, token=None, version=1, key=None):
        """Registers, and proves what the server asks for. Returns the last answer, good or bad. Without a key given it is a new,
        temporary one; KEYLESS: none."""
        key = key or Identity(temporary=True)
        answer = self.challenge(client_id, version, key)
        wanted = answer.get("code")
        if answer["success"] or "challenge" not in answer:
            return answer
        assert wanted in ("auth_required", "identity_required"), answer
        if wanted == "auth_required" and token is None or wanted == "identity_required" and key is KEYLESS:
            return answer
        return self.prove(answer["challenge"], client_id, token if wanted == "auth_required" else None, key, version)

    def clients(self):
        self.send("get_client_list")
        return [client["id"] for client in self.expect("client_list")["clients"]]

    def request(self, peer, port, count=1, protocol="tcp", keys=None, host=None, plain=True):
        """Sends a connect_request; returns its keys. Plain: what follows is not encrypted, which the peer must have agreed to
        (--encryption none)."""
        keys = keys or [new_key() for _ in range(count)]
        more = {**({"remoteHost": host} if host else {}), **({"plain": True} if plain else {})}
        self.send("connect_request", toClientId=peer, remotePort=port, localPort=0, protocol=protocol, keys=keys, **more)
        return keys

    def data_channel(self, key, step=None):
        """A data channel with the key already sent. `step` as in WebSocket."""
        channel = connect(self.port, self.host)
        preface = b"\xfd\x01" + bytes.fromhex(key)
        step = step or len(preface)
        for start in range(0, len(preface), step):
            channel.sendall(preface[start:start + step])
        return channel

    def closed(self, timeout=10.0):
        """Reads to the end; the codes of the errors that came before it."""
        codes = []
        while True:
            try:
                kind, payload = self.receive(timeout)
            except Closed:
                return codes
            if kind in ("error", "register_response"):
                codes.append(payload.get("code"))


def frame(kind, payload=b"", flags=0):
    return struct.pack(">BBH", kind, flags, len(payload)) + payload


def open_frame(port, host="", at_once=True):
    stream, patience = bytes(16), 0  # a plain carrier's bytes cannot be resumed
    return frame(OPEN, struct.pack(">H16sH", port, stream, patience) + host.encode(), ANSWER_AT_ONCE if at_once else 0)


def recv_frame_header(channel):
    """(type, flags, length)"""
    return struct.unpack(">BBH", recv_exactly(channel, 4))


def read_frame(channel):
    """(type, flags, payload)"""
    kind, flags, length = recv_frame_header(channel)
    return kind, flags, recv_exactly(channel, length)


class UdpEnd:
    """One side of a relayed UDP flow."""

    CONTROL = 0x80000000

    def __init__(self, test, server_port, session, key, host="127.0.0.1"):
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        test.addCleanup(self.socket.close)
        self.socket.connect((host, server_port))
        self.socket.settimeout(seconds(1))
        self.session = session
        self.key = bytes.fromhex(key)

    def bind_packet(self, key=None):
        return struct.pack(">IHBI", self.CONTROL, 21, 1, self.session) + (key or self.key)

    def bind(self):
        """Proves the address: again and again until the server answers, as the page says."""
        for _ in range(5):
            self.socket.send(self.bind_packet())
            try:
                answer = self.socket.recv(100)
            except TimeoutError:
                continue
            assert answer == struct.pack(">IHBI", self.CONTROL, 5, 2, self.session), answer.hex()
            return
        raise AssertionError("the server did not answer five binds")

    def send(self, payload):
        self.socket.send(struct.pack(">IH", self.session, len(payload)) + payload)

    def receive(self):
        packet = self.socket.recv(65535)
        session, length = struct.unpack(">IH", packet[:6])
        assert length == len(packet) - 6, "a packet must fill its datagram"
        # The server turned the sender's number into ours.
        assert session == self.session, f"a packet for {session:08x} came to {self.session:08x}"
        return packet[6:]
