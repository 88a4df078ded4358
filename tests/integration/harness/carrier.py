"""Client A of an encrypted carrier by hand, from docs/PROTOCOL.md, section 5: frames inside TLS 1.3, streams and their resumption."""
import datetime
import os
import ssl
import struct
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from .net import recv_exactly
from .protocol import ACCEPT, ANSWER_AT_ONCE, OPEN, PING, PONG, REJECT, frame, recv_frame_header
from .timing import seconds

DATA, FIN, RESET, SEAL, ACK, RESUME, RESUMED, SWITCH, WINDOW, ACK_EVERY = range(6, 16)
ANSWERED = 2  # flag of RESUME and RESUMED
NAMES = {OPEN: "OPEN", ACCEPT: "ACCEPT", REJECT: "REJECT", PING: "PING", PONG: "PONG", DATA: "DATA", FIN: "FIN", RESET: "RESET", ACK: "ACK",
         RESUME: "RESUME", RESUMED: "RESUMED", SWITCH: "SWITCH", WINDOW: "WINDOW", ACK_EVERY: "ACK_EVERY"}


def tls(identity, server_side=False):
    """TLS 1.3 in which a side shows the key of an Identity, and believes anyone."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "by hand")])
    certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(identity.private.public_key()).serial_number(1)
                   .not_valid_before(datetime.datetime(2020, 1, 1)).not_valid_after(datetime.datetime(2099, 1, 1)).sign(identity.private, None))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    if not server_side:
        context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(identity.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM))
        file.flush()
        context.load_cert_chain(file.name)
    return context


def new_id():
    return os.urandom(16)


def opening(port, stream, patience=60, host=""):
    return struct.pack(">H16sH", port, stream, patience) + host.encode()


class Carrier:
    """One carrier to a peer, shaken. Reads count what has come of the stream, acknowledged or not."""

    def __init__(self, test, control, peer, port, identity):
        [key] = control.request(peer, port, plain=False)
        control.expect("create_session")
        self.raw = control.data_channel(key)
        test.addCleanup(self.raw.close)
        self.raw.settimeout(seconds(10))
        self.line = tls(identity).wrap_socket(self.raw)
        test.addCleanup(self.line.close)
        self.passed = []  # frames that were read over

    def send(self, kind, payload=b"", flags=0):
        self.line.sendall(frame(kind, payload, flags))

    def open(self, port, stream, flags=ANSWER_AT_ONCE, **more):
        self.send(OPEN, opening(port, stream, **more), flags)

    def resume(self, port, stream, position, age_ms=1000, flags=ANSWERED, **more):
        self.send(RESUME, struct.pack(">QI", position, age_ms) + opening(port, stream, **more), flags)

    def data(self, content):
        self.line.sendall(bytes([DATA]) + len(content).to_bytes(3, "big") + content)

    def ack(self, position):
        self.send(ACK, struct.pack(">Q", position))

    def receive(self):
        """(type, flags, payload) of the next frame."""
        kind, flags, length = recv_frame_header(self.line)
        if kind == DATA:
            flags, length = 0, flags << 16 | length
        return kind, flags, recv_exactly(self.line, length)

    def expect(self, kind):
        """Flags and payload of the next frame of this type; what may always come between is answered or read over."""
        while True:
            got, flags, payload = self.receive()
            if got == kind:
                return flags, payload
            if got == PING:
                self.send(PONG, payload)
            elif got not in (ACK, WINDOW, ACK_EVERY, PONG):
                raise AssertionError(f"{NAMES.get(got, got)} {payload[:60]!r} came instead of {NAMES[kind]}")

    def read(self, size):
        """So many bytes of the stream."""
        content = b""
        while len(content) < size:
            content += self.expect(DATA)[1]
        assert len(content) == size, f"{len(content)} bytes came, {size} were due"
        return content

    def refusal(self):
        """How the peer ends what it was asked for: the code of a REJECT, "RESET", or None where it ends the carrier without a word."""
        try:
            while True:
                kind, _, payload = self.receive()
                if kind == REJECT:
                    return struct.unpack(">H", payload[:2])[0]
                if kind == RESET:
                    return "RESET"
                assert kind in (ACK, WINDOW, ACK_EVERY, PING, PONG), f"{NAMES.get(kind, kind)} {payload[:60]!r} came, no refusal"
        except (ConnectionError, ssl.SSLError):
            return None
        except AssertionError as error:
            if "the stream ended" in str(error):
                return None
            raise

    def cut(self):
        """As if the path had died: no close_notify, no word."""
        self.raw.close()
        self.line.close()
