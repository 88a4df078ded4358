"""An OpenSSH server of the test's own, and the flags by which its programs reach it."""
import os
import pwd

from .net import connect, free_port, recv_exactly
from .process import need, run
from .timing import wait_until

_SSHD_CONFIG = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
PidFile {folder}/sshd.pid
AuthorizedKeysFile {folder}/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
UsePAM no
PrintMotd no
MaxStartups 100:30:200
Subsystem sftp internal-sftp
"""


class OpenSsh:
    def __init__(self, test):
        folder = test.folder("sshd")
        keygen = need("ssh-keygen", "openssh-client")
        for key in ("host_key", "user_key"):
            run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", folder / key])
        (folder / "authorized_keys").write_bytes((folder / "user_key.pub").read_bytes())
        self.port = free_port()  # sshd does not tell which port a Port 0 became
        config = folder / "sshd_config"
        config.write_text(_SSHD_CONFIG.format(port=self.port, folder=folder), encoding="utf-8")
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)  # the package's own start script makes it; sshd insists on it
        test.start([need("sshd", "openssh-server"), "-D", "-e", "-f", config], "sshd")
        wait_until(self._answers, "sshd answers")
        self.user = pwd.getpwuid(os.geteuid()).pw_name
        self.options = ["-F", "none", "-i", folder / "user_key", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes",
                        "-o", f"UserKnownHostsFile={folder}/known_hosts", "-o", "StrictHostKeyChecking=accept-new"]

    def _answers(self):
        with connect(self.port) as connection:
            return recv_exactly(connection, 4) == b"SSH-"

    def ssh(self, port, *command, flags=()):
        """The command line that runs a command through `port`."""
        return [need("ssh", "openssh-client"), *self.options, *flags, "-p", str(port), f"{self.user}@127.0.0.1", *command]

    def scp(self, port, *words):
        """The command line that copies by `port`; a path over there is there(path)."""
        return [need("scp", "openssh-client"), *self.options, "-q", "-P", str(port), *words]

    def there(self, path):
        return f"{self.user}@127.0.0.1:{path}"
