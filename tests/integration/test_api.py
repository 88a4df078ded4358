#!/usr/bin/python3
"""API development through the tunnel (11.7): CORS, pushed messages, many calls at once, frequent reconnects."""
import concurrent.futures
import json

from harness import IntegrationTest, main, need, run
from harness.nginx import Nginx
from harness.peers import node, start_ws_server

_API = """
        location /api/echo {
            default_type application/json;
            return 200 '{"args": "$args", "trace": "$http_x_trace", "method": "$request_method"}';
        }
        location /api/users {
            default_type application/json;
            add_header Access-Control-Allow-Origin $http_origin always;
            add_header Access-Control-Allow-Credentials true always;
            if ($request_method = OPTIONS) {
                add_header Access-Control-Allow-Origin $http_origin;
                add_header Access-Control-Allow-Methods "GET, PUT";
                add_header Access-Control-Allow-Headers x-trace;
                return 204;
            }
            return 200 '[{"id": 1, "name": "Ada"}, {"id": 2, "name": "Grace"}]';
        }
"""


class Api(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.web = Nginx(self, _API)
        self.push_service = start_ws_server(self)
        self.through = self.tunnel(self.web.port, self.push_service)
        self.url = f"http://127.0.0.1:{self.through.port(self.web.port)}"

    def curl(self, *words):
        return run([need("curl", "curl"), "-sS", "--max-time", "30", *words], timeout=60).stdout

    def test_cors_preflight_and_request(self):
        origin = "http://localhost:5173"
        preflight = self.curl("-i", "-X", "OPTIONS", "-H", f"Origin: {origin}", "-H", "Access-Control-Request-Method: PUT",
                              "-H", "Access-Control-Request-Headers: x-trace", f"{self.url}/api/users")
        self.assertTrue(preflight.startswith("HTTP/1.1 204"), preflight)
        self.assertIn(f"Access-Control-Allow-Origin: {origin}", preflight)
        self.assertIn("Access-Control-Allow-Methods: GET, PUT", preflight)
        self.assertIn("Access-Control-Allow-Headers: x-trace", preflight)
        answer = self.curl("-i", "-H", f"Origin: {origin}", f"{self.url}/api/users")
        self.assertIn(f"Access-Control-Allow-Origin: {origin}", answer)
        users = json.loads(answer.split("\n\n", 1)[1])
        self.assertEqual([user["name"] for user in users], ["Ada", "Grace"])

    def test_cors_of_a_service_with_websockets(self):
        """The same for the port that also pushes."""
        url = f"http://127.0.0.1:{self.through.port(self.push_service)}/api"
        preflight = self.curl("-i", "-X", "OPTIONS", "-H", "Origin: http://localhost:5173", url)
        self.assertTrue(preflight.startswith("HTTP/1.1 204"), preflight)
        self.assertIn("Access-Control-Allow-Origin: http://localhost:5173", preflight)

    def test_64_calls_at_once(self):
        def call(number):
            return json.loads(self.curl("-H", f"x-trace: t{number}", f"{self.url}/api/echo?n={number}"))

        with concurrent.futures.ThreadPoolExecutor(64) as pool:
            answers = list(pool.map(call, range(64)))
        self.assertEqual([answer["args"] for answer in answers], [f"n={number}" for number in range(64)])
        self.assertEqual([answer["trace"] for answer in answers], [f"t{number}" for number in range(64)])

    def test_64_parallel_calls_of_one_program(self):
        """One curl with 64 transfers in flight, as a browser does it."""
        config = self.tmp / "urls"
        config.write_text("".join(f'url = "{self.url}/api/echo?n={number}"\noutput = "{self.tmp}/answer-{number}"\n'
                                  for number in range(64)), encoding="utf-8")
        self.curl("--parallel", "--parallel-max", "64", "--parallel-immediate", "--config", str(config))
        for number in range(64):
            self.assertEqual(json.loads((self.tmp / f"answer-{number}").read_text())["args"], f"n={number}")

    def test_pushed_messages_while_calls_run(self):
        """The server speaks first, 200 times, while the same clients serve requests."""
        url = f"ws://127.0.0.1:{self.through.port(self.push_service)}/push?n=200"
        pushed = self.start(node("ws_client.mjs", "push", url, "200"), "ws-push")
        pushed.out.wait("^open$")
        while pushed.running:
            self.assertIn("Ada", self.curl(f"{self.url}/api/users"))
        pushed.out.wait("^ok 200$")
        self.assertEqual(pushed.wait(), 0, pushed.err.text())

    def test_reconnecting_again_and_again(self):
        """What a hot reload does: open, a word, close, at once the next one."""
        url = f"ws://127.0.0.1:{self.through.port(self.push_service)}/ws"
        for _ in range(10):
            self.assertIn("ok 1", run(node("ws_client.mjs", "echo", url, "1", "100")).stdout)


if __name__ == "__main__":
    main()
