#!/usr/bin/python3
"""MariaDB through the tunnel (11.5): queries, big blobs, several clients at once."""
import concurrent.futures
import hashlib
import os
import pwd

from harness import IntegrationTest, free_port, main, need, run, wait_until


class MariaDb(IntegrationTest):
    def setUp(self):
        super().setUp()
        folder = self.folder("mariadb")
        user = pwd.getpwuid(os.geteuid()).pw_name
        run([need("mariadb-install-db", "mariadb-server"), "--no-defaults", f"--datadir={folder}/data", f"--user={user}",
             "--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-log-file-size=16M"], timeout=120)
        self.port = free_port()  # port 0 means 3306 to mariadbd
        socket_path = folder / "socket"
        self.start([need("mariadbd", "mariadb-server"), "--no-defaults", f"--datadir={folder}/data", f"--user={user}",
                    "--bind-address=127.0.0.1", f"--port={self.port}", f"--socket={socket_path}", f"--pid-file={folder}/pid",
                    "--skip-networking=0", "--max-allowed-packet=128M", "--innodb-log-file-size=16M",
                    "--innodb-flush-log-at-trx-commit=0", "--skip-name-resolve"], "mariadbd")
        client = [need("mariadb", "mariadb-client"), "--no-defaults", "-u", "root", f"--socket={socket_path}", "-N", "-B"]
        wait_until(lambda: run([*client, "-e", "SELECT 1"], check=False).returncode == 0, "mariadbd accepts", timeout=60, interval=0.1)
        run([*client, "-e", "CREATE USER tester@'%' IDENTIFIED BY 'secret'; GRANT ALL ON *.* TO tester@'%'; CREATE DATABASE work"])
        self.local_port = self.tunnel(self.port).port(self.port)

    def sql(self, statements, timeout=60):
        return run([need("mariadb", "mariadb-client"), "--no-defaults", "--protocol=tcp", "-h", "127.0.0.1", "-P", str(self.local_port),
                    "-u", "tester", "-psecret", "-N", "-B", "--max-allowed-packet=128M", "work"], input=statements, timeout=timeout).stdout

    def test_queries(self):
        self.assertEqual(self.sql("SELECT 1 AS result"), "1\n")
        self.sql("CREATE TABLE people (id INT PRIMARY KEY, name VARCHAR(80) CHARACTER SET utf8mb4);"
                 "INSERT INTO people VALUES (1, 'Ada'), (2, '穿透')")
        self.assertEqual(self.sql("SET NAMES utf8mb4; SELECT name FROM people ORDER BY id"), "Ada\n穿透\n")
        rows = self.sql("SELECT seq, md5(seq) FROM seq_1_to_200000").splitlines()
        self.assertEqual(len(rows), 200_000)
        for number in (1, 777, 200_000):
            self.assertEqual(rows[number - 1], f"{number}\t{hashlib.md5(str(number).encode()).hexdigest()}")

    def test_big_blobs(self):
        content = os.urandom(20_000_000)
        self.sql(f"CREATE TABLE blobs (content LONGBLOB); INSERT INTO blobs VALUES (x'{content.hex()}')", timeout=120)
        self.assertEqual(self.sql("SELECT sha2(content, 256) FROM blobs").strip(), hashlib.sha256(content).hexdigest())
        self.assertEqual(bytes.fromhex(self.sql("SELECT hex(content) FROM blobs").strip()), content)

    def test_clients_at_once(self):
        self.sql("CREATE TABLE counter (n INT) ENGINE=InnoDB; INSERT INTO counter VALUES (0)")

        def add(_):
            return self.sql("UPDATE counter SET n = n + 1;" * 50)

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(add, range(16)))
        self.assertEqual(self.sql("SELECT n FROM counter").strip(), "800")


if __name__ == "__main__":
    main()
