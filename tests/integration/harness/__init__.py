"""What the integration tests share: processes with deadlines, the programs under test, services and the raw protocol.

Every wait in here has a deadline and waits for an event; nothing sleeps for a guessed time. Whatever a test starts is
stopped by the test, by process id, also when the test fails.
"""
from .base import IntegrationTest, main
from .chuantou import Client, Server, Tunnel, ctc, cts
from .net import (TcpService, UdpService, closed_port, connect, download, echo, expect_eof, expect_reset, expect_reset_user,
                  free_port, random_bytes, recv_exactly, roundtrip, serve_echo, serve_udp_echo)
from .process import Process, need, run
from .timing import FACTOR, SANITIZED, SOAK, seconds, wait_until

__all__ = [
    "Client", "FACTOR", "IntegrationTest", "Process", "SANITIZED", "SOAK", "Server", "TcpService", "Tunnel", "UdpService",
    "closed_port", "connect", "ctc", "cts", "download", "echo", "expect_eof", "expect_reset", "expect_reset_user", "free_port", "main", "need",
    "random_bytes", "recv_exactly", "roundtrip", "run", "seconds", "serve_echo", "serve_udp_echo", "wait_until",
]
