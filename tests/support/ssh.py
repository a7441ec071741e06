"""An sshd with its own configuration, host key and client key, run as whoever runs the tests."""

import getpass
import os
import subprocess

from support import net
from support.peers import Peer, environment, start
from support.process import program


class Sshd:
    def __init__(self, directory):
        self.directory = directory
        directory.mkdir()
        directory.chmod(0o755)
        for name in ("host_key", "user_key"):
            subprocess.run([program("ssh-keygen", "openssh-client"), "-q", "-t", "ed25519", "-N",
                            "", "-f", directory / name], check=True)
        keys = directory / "authorized_keys"
        keys.write_text((directory / "user_key.pub").read_text())
        keys.chmod(0o644)
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # sshd insists when run as root
        self._peer = start(self._make, "sshd")
        self.host, self.port = self._peer.address

    def _make(self, address):
        path = self.directory / "sshd_config"
        path.write_text(
            f"ListenAddress {address[0]}:{address[1]}\n"
            f"HostKey {self.directory}/host_key\n"
            f"AuthorizedKeysFile {self.directory}/authorized_keys\n"
            "PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
            "KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
            "UseDNS no\nPrintMotd no\nMaxStartups 100\nSubsystem sftp internal-sftp\n")
        return Peer([program("sshd", "openssh-server"), "-D", "-e", "-f", path], address)

    def client(self, proxy_command, host=None):
        """Words of an ssh command line up to the remote command."""
        return [program("ssh", "openssh-client"), "-F", "none", "-p", str(self.port),
                "-i", str(self.directory / "user_key"), "-o", "IdentitiesOnly=yes",
                "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={os.devnull}",
                "-o", "BatchMode=yes", "-o", f"ConnectTimeout={2 * net.DEADLINE:.0f}",
                "-o", "LogLevel=ERROR",
                "-o", f"ProxyCommand={proxy_command}",
                f"{getpass.getuser()}@{host or self.host}"]

    def run(self, proxy_command, remote, data=b"", host=None, deadline=6 * net.DEADLINE):
        done = subprocess.run(self.client(proxy_command, host) + [remote], input=data,
                              capture_output=True, timeout=deadline, env=environment())
        assert done.returncode == 0, f"ssh ends with {done.returncode}: {done.stderr.decode()}"
        return done.stdout

    def close(self):
        self._peer.kill()
