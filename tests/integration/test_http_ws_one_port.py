#!/usr/bin/python3
"""HTTP and WebSocket on one port, through one proxy (11.3): the relay does not care what the bytes are."""
import concurrent.futures
import subprocess

from harness import IntegrationTest, main, need, run
from harness.peers import node, start_ws_server


class HttpAndWebSocketOnOnePort(IntegrationTest):
    def setUp(self):
        super().setUp()
        service = start_ws_server(self)
        self.port = self.tunnel(service).port(service)

    def get(self, path="/api"):
        return run([need("curl", "curl"), "-sS", "-i", f"http://127.0.0.1:{self.port}{path}"]).stdout

    def test_both_at_the_same_time(self):
        """An open WebSocket works on while HTTP requests come and go on the same port."""
        held = self.start(node("ws_client.mjs", "hold", f"ws://127.0.0.1:{self.port}/ws"), "ws-hold", stdin=subprocess.PIPE)
        held.out.wait("^open$")
        for number in range(10):
            answer = self.get()
            self.assertTrue(answer.startswith("HTTP/1.1 200 OK"), answer)
            self.assertTrue(answer.endswith("HTTP Response"), answer)
            held.stdin.write(b"message %d\n" % number)
            held.stdin.flush()
            held.out.wait(rf"^got message {number}$")
        held.stdin.close()
        held.out.wait("^closed 1000$")
        self.assertEqual(held.wait(), 0)

    def test_many_of_each(self):
        def echo(_):
            return run(node("ws_client.mjs", "echo", f"ws://127.0.0.1:{self.port}/ws", "20", "100000"), timeout=60).stdout

        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            sockets = [pool.submit(echo, number) for number in range(4)]
            answers = [pool.submit(self.get) for _ in range(30)]
            for each in answers:
                self.assertTrue(each.result().endswith("HTTP Response"))
            for each in sockets:
                self.assertIn("ok 20", each.result())

    def test_refusals_are_the_services_own(self):
        self.assertTrue(self.get("/nothing").startswith("HTTP/1.1 404"))
        done = run(node("ws_client.mjs", "echo", f"ws://127.0.0.1:{self.port}/elsewhere", "1", "10"), check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("error:", done.stderr)


if __name__ == "__main__":
    main()
