"""A PostgreSQL server of the test's own."""
import os
import shutil
from pathlib import Path

from .net import free_port
from .process import need, run
from .timing import wait_until


def postgres_program(name):
    """Debian keeps the programs of each major version in a folder of their own."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / name).exists():
            return folder / name
    raise AssertionError(f"this test needs the program {name}; install the package postgresql-15")


class PostgresServer:
    def __init__(self, test):
        folder = test.folder("postgres")
        # PostgreSQL refuses to run as root. A change of user forgets what dies with whom, hence once more.
        as_postgres = []
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
            as_postgres = [need("setpriv", "util-linux"), "--reuid=postgres", "--regid=postgres", "--init-groups", "--pdeathsig", "KILL", "--"]
        data = folder / "data"
        run([*as_postgres, postgres_program("initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
             "--locale=C.UTF-8", "--no-sync"], timeout=60, cwd=folder)
        self.port = free_port()  # postgres takes no port 0
        settings = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": folder, "fsync": "off",
                    "shared_buffers": "64MB", "max_connections": "120"}
        flags = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        self.process = test.start([*as_postgres, postgres_program("postgres"), "-D", data, *flags], "postgres", cwd=folder)
        wait_until(lambda: run([postgres_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", self.port], check=False).returncode == 0,
                   "postgres accepts", timeout=30)


def reach(program, port, *words):
    """The command line of one of its clients."""
    return [postgres_program(program), "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", *words]


def sql(port, *statements):
    words = [word for statement in statements for word in ("-c", statement)]
    return run(reach("psql", port, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *words, "postgres"), timeout=60).stdout
