#!/usr/bin/python3
"""Several services behind several clients call each other through the tunnel (11.10), and trace ids survive the chain."""
import concurrent.futures
import http.server
import json
import threading
import urllib.request

from harness import IntegrationTest, main, need, run, seconds


class Service:
    """A JSON service. `answer(request)` gets path, body and a `call(url, body)` that passes the trace on."""

    def __init__(self, test, name, answer):
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                trace = self.headers["X-Trace-Id"]
                spans = [f"{name}:{trace}"]

                def call(url, payload):
                    reply = post(url, payload, trace)
                    spans.extend(reply["spans"])
                    return reply["result"]

                result = answer(self.path, body, call)
                service.traces.append(trace)
                content = json.dumps({"result": result, "spans": spans}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("X-Trace-Id", trace)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.traces = []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        test.addCleanup(self._server.server_close)
        test.addCleanup(self._server.shutdown)


def post(url, payload, trace):
    headers = {"X-Trace-Id": trace, "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(payload).encode(), headers, method="POST")
    with urllib.request.urlopen(request, timeout=seconds(20)) as reply:
        assert reply.headers["X-Trace-Id"] == trace
        return json.load(reply)


class Microservices(IntegrationTest):
    """The developer is at A; users and orders run beside B, payments beside C. Orders calls payments through B's proxy
    to C, payments calls users through C's proxy to B: every step of the chain is a tunnel."""

    def setUp(self):
        super().setUp()
        self.relay = self.server()
        self.users = Service(self, "users", lambda path, body, call: {"id": body["id"], "name": f"user {body['id']}"})
        self.payments = Service(self, "payments", self.pay)
        self.orders = Service(self, "orders", self.order)
        self.b = self.client(self.relay, "B", f"C:{self.payments.port}")
        self.c = self.client(self.relay, "C", f"B:{self.users.port}")
        self.a = self.client(self.relay, "A", f"B:{self.users.port}", f"B:{self.orders.port}", f"C:{self.payments.port}")

    def url(self, client, forward, path):
        return f"http://127.0.0.1:{client.local_port(forward)}{path}"

    def pay(self, path, body, call):
        user = call(self.url(self.c, f"B:{self.users.port}", "/users"), {"id": body["user"]})
        return {"paid": body["amount"], "by": user["name"]}

    def order(self, path, body, call):
        payment = call(self.url(self.b, f"C:{self.payments.port}", "/pay"), {"user": body["user"], "amount": body["amount"]})
        return {"user": body["user"], "payment": payment}

    def buy(self, number):
        trace = f"trace-{number:04d}"
        user = post(self.url(self.a, f"B:{self.users.port}", "/users"), {"id": number}, trace)["result"]
        order = post(self.url(self.a, f"B:{self.orders.port}", "/orders"), {"user": user["id"], "amount": number * 10}, trace)
        return trace, order

    def test_call_chain(self):
        trace, order = self.buy(7)
        self.assertEqual(order["result"], {"user": 7, "payment": {"paid": 70, "by": "user 7"}})
        self.assertEqual(order["spans"], [f"orders:{trace}", f"payments:{trace}", f"users:{trace}"])

    def test_many_chains_at_once(self):
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            for number, (trace, order) in enumerate(pool.map(self.buy, range(100))):
                self.assertEqual(order["result"]["payment"], {"paid": number * 10, "by": f"user {number}"})
                self.assertEqual(order["spans"], [f"orders:{trace}", f"payments:{trace}", f"users:{trace}"])
        self.assertEqual(len(set(self.payments.traces)), 100)

    def test_a_service_moves(self):
        """A new instance comes up elsewhere; proxies are changed while everything runs."""
        replacement = Service(self, "payments-2", self.pay)
        port = self.a.local_port(f"C:{self.payments.port}")
        self.a.command("proxy", "delete", str(port))
        self.a.command("proxy", "create", "--local-port", str(port), "--target-client", "C", "--target-port", str(replacement.port),
                       "--name", "payments")
        reply = post(f"http://127.0.0.1:{port}/pay", {"user": 3, "amount": 5}, "trace-moved")
        self.assertEqual(reply["spans"], ["payments-2:trace-moved", "users:trace-moved"])
        self.assertEqual(self.payments.traces, [])

    def test_headers_pass_untouched(self):
        """curl: the answer carries the very trace id, and the relay adds no header of its own."""
        done = run([need("curl", "curl"), "-sS", "-i", "-H", "X-Trace-Id: 00-4bf92f3577b34da6-01", "-d", '{"id": 1}',
                    self.url(self.a, f"B:{self.users.port}", "/users")])
        head, _, body = done.stdout.partition("\n\n")
        self.assertIn("X-Trace-Id: 00-4bf92f3577b34da6-01", head)
        names = {line.split(":")[0].lower() for line in head.splitlines()[1:]}
        self.assertEqual(names, {"server", "date", "content-type", "x-trace-id", "content-length"})
        self.assertEqual(json.loads(body)["result"]["name"], "user 1")


if __name__ == "__main__":
    main()
