"""What tests of registration have in common."""
import json
import re

from .base import IntegrationTest
from .protocol import ControlChannel

MAIN = "the token of the operator"
#: The command that joins a client, as a regular expression; its group is the token that the server made.
JOIN = r"ctc run --server wss://\S+ --token ([0-9a-f]{32,}) --fingerprint sha256:[0-9a-f]{64}"


class RegistrationTest(IntegrationTest):
    def channel(self, server, port=None):
        return ControlChannel(self, port or server.port)

    def joined(self, server, client_id, token=None, key=None, port=None):
        channel = self.channel(server, port)
        answer = channel.register(client_id, token, key=key)
        self.assertTrue(answer["success"], answer)
        return channel

    def refused(self, server, client_id, token=None, key=None):
        """Registers in vain; returns the answer's code and sentence."""
        channel = self.channel(server)
        answer = channel.register(client_id, token, key=key)
        self.assertIs(answer["success"], False, answer)
        self.assertNotIn("challenge", answer)
        channel.closed()
        return answer["code"], answer["error"]

    def restarted(self, server, kill=False):
        if kill:
            server.kill()
            server.process.wait()
        else:
            self.assertEqual(server.stop(), 0)
        return server.start()

    def add_token(self, server, name, *options):
        """Returns the new token's secret."""
        line = server.command("token", "add", "--name", name, *options).stdout
        return re.fullmatch(rf"{JOIN}\n", line)[1]

    def tokens(self, server):
        return {token["name"]: token for token in json.loads(server.command("token", "list", "--json").stdout)["tokens"]}
