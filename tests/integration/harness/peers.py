"""The programs of tests/integration/peers: WebSocket ends by the ws package."""
from pathlib import Path

from .process import need

_PEERS = Path(__file__).resolve().parents[1] / "peers"


def node(script, *words):
    """The command line of one of the node scripts."""
    if not (_PEERS / "node_modules" / "ws" / "package.json").exists():
        raise AssertionError(f"the npm package ws is missing; run `npm ci --ignore-scripts` in {_PEERS}")
    return [need("node", "nodejs"), _PEERS / script, *words]


def start_ws_server(test):
    """Starts the HTTP and WebSocket service; returns its port."""
    process = test.start(node("ws_server.mjs"), "ws-server")
    return int(process.out.wait(r"^listening (\d+)$", timeout=20)[1])
