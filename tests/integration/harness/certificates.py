"""Certificates and authorities, made by the openssl program."""
import ssl
import subprocess

from .net import connect
from .process import need, run


class Authority:
    """A certificate authority of this test; `file` is what a program that trusts it is given (SSL_CERT_FILE)."""

    def __init__(self, test, name="authority"):
        self._folder = test.folder(name)
        self.file = self._folder / "ca.pem"
        self._key = self._folder / "ca.key"
        _new_key(self._key)
        _openssl("req", "-x509", "-new", "-key", self._key, "-subj", f"/CN={name}", "-days", "30", "-out", self.file)

    def issue(self, names, name="server", valid=("-days", "30")):
        """A certificate for names as openssl writes them ("DNS:localhost,IP:127.0.0.1"): its file (with the chain) and its key."""
        certificate, key, request, extensions = (self._folder / f"{name}.{end}" for end in ("pem", "key", "csr", "ext"))
        _new_key(key)
        _openssl("req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", request)
        extensions.write_text(f"subjectAltName={names}\nextendedKeyUsage=serverAuth\n", encoding="ascii")
        _openssl("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self._key, "-CAcreateserial", "-extfile", extensions,
                 *valid, "-out", certificate)
        return certificate, key


def self_signed(test, name="self-signed"):
    folder = test.folder(name)
    certificate, key = folder / "cert.pem", folder / "key.pem"
    _new_key(key)
    _openssl("req", "-x509", "-new", "-key", key, "-subj", f"/CN={name}", "-days", "30", "-addext", "subjectAltName=IP:127.0.0.1",
             "-out", certificate)
    return certificate, key


def fingerprint(certificate):
    """As the openssl program tells it."""
    public = _openssl("x509", "-in", certificate, "-pubkey", "-noout")
    der = run([need("openssl", "openssl"), "pkey", "-pubin", "-outform", "DER"], input=public.encode(), text=False).stdout
    digest = run([need("openssl", "openssl"), "sha256", "-r"], input=der, text=False).stdout.decode()
    return "sha256:" + digest.split()[0]


def tls_connect(test, port):
    """A TLS connection by Python's ssl, which believes anyone here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    plain = connect(port)
    test.addCleanup(plain.close)
    return context.wrap_socket(plain)


def shown(test, port):
    """The fingerprint that a new connection sees."""
    with tls_connect(test, port) as connection:
        pem = ssl.DER_cert_to_PEM_cert(connection.getpeercert(binary_form=True))
    file = test.tmp / "shown.pem"
    file.write_text(pem, encoding="ascii")
    return fingerprint(file)


def _new_key(path):
    _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)


def _openssl(*words):
    return run([need("openssl", "openssl"), *words], stderr=subprocess.PIPE).stdout
