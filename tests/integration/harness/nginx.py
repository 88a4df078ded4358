"""nginx with a configuration of its own, as an HTTP service that nobody here wrote."""
from .net import connect, free_port
from .process import need
from .timing import wait_until

_CONFIG = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {root};
        default_type application/octet-stream;
        {locations}
    }}
}}
"""


class Nginx:
    """Serves the files of `root`; `locations` is more text for the server block."""

    def __init__(self, test, locations="", name="nginx"):
        folder = test.folder(name)
        self.root = folder / "root"
        self.root.mkdir()
        self.access_log = folder / "access.log"
        # nginx cannot report the port of a bind to 0.
        self.port = free_port()
        config = folder / "nginx.conf"
        config.write_text(_CONFIG.format(folder=folder, port=self.port, root=self.root, locations=locations), encoding="utf-8")
        self.process = test.start([need("nginx", "nginx"), "-e", folder / "error.log", "-p", folder, "-c", config], name)
        wait_until(lambda: connect(self.port).close() or True, "nginx accepts")
