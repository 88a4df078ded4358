"""The programs of tests/integration/peers: WebSocket ends by the ws package, a browser by jsdom."""
from pathlib import Path

from .process import need

_PEERS = Path(__file__).resolve().parents[1] / "peers"


def node(script, *words):
    """The command line of one of the node scripts."""
    for package in ("ws", "jsdom"):
        if not (_PEERS / "node_modules" / package / "package.json").exists():
            raise AssertionError(f"the npm package {package} is missing; run `npm ci --ignore-scripts` in {_PEERS}")
    return [need("node", "nodejs"), _PEERS / script, *words]


def start_ws_server(test):
    """Starts the HTTP and WebSocket service; returns its port."""
    process = test.start(node("ws_server.mjs"), "ws-server")
    return int(process.out.wait(r"^listening (\d+)$", timeout=20)[1])
