"""Real clients that send plain HTTP through the proxy: curl, Python, apt, Chromium, WebSocket."""

import base64
import hashlib
import http.client
import http.server
import os
import subprocess
import threading

import pytest

from support import net
from support.browser import dump
from support.dns import Dns, Name
from support.peers import environment
from support.process import program
from support.proxy import Proxy
from support.servers import Server
from support.web import LARGE, Web


def curl(proxy, *words, data=None, check=True):
    done = subprocess.run(
        [program("curl", "curl"), "-sS", "--max-time", str(3 * net.DEADLINE), "-x",
         f"http://127.0.0.1:{proxy.port}", *words],
        input=data, capture_output=True, env=environment())
    assert not check or done.returncode == 0, f"{done.returncode}: {done.stderr.decode()}"
    return done


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files, and an echo for uploads of either framing; 302, 204 and 304 on demand."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/moved":
            self._empty(302, Location="/large")
        elif self.path in ("/204", "/304"):
            self._empty(int(self.path[1:]))
        else:
            super().do_GET()

    def _empty(self, status, **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        if status == 302:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        if self.headers.get("Transfer-Encoding"):
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_POST

    def log_message(self, *_):
        pass


@pytest.fixture
def files(tmp_path):
    """(directory, URL) of a web server for it."""
    (tmp_path / "large").write_bytes(LARGE)

    def make(*args):
        return Handler(*args, directory=str(tmp_path))

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), make)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield tmp_path, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_curl_downloads_a_hundred_megabytes(io, files, rng):
    directory, url = files
    with open(directory / "big", "wb") as out:
        for _ in range(100):
            out.write(rng.randbytes(1_000_000))
    with Proxy(io=io) as proxy:
        got = curl(proxy, f"{url}/big").stdout
    with open(directory / "big", "rb") as file:
        assert hashlib.sha256(got).digest() == hashlib.file_digest(file, "sha256").digest()


@pytest.mark.parametrize("words", [
    [], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"], ["-H", "Expect:"],
    ["--http1.0"], ["-X", "PUT", "-H", "Transfer-Encoding: chunked", "-H", "Expect: 100-continue"]],
    ids=" ".join)
def test_curl_uploads(io, files, rng, words):
    body = rng.randbytes(3_000_000)
    with Proxy(io=io) as proxy:
        assert curl(proxy, *words, "--data-binary", "@-", f"{files[1]}/", data=body).stdout == body


def test_curl_methods_and_statuses(io, files):
    _, url = files
    with Proxy(io=io) as proxy:
        assert f"Content-Length: {len(LARGE)}" in curl(proxy, "-I", f"{url}/large").stdout.decode()
        assert curl(proxy, "-L", f"{url}/moved").stdout == LARGE
        for status in ("204", "304"):
            answer = curl(proxy, "-w", "%{http_code}", f"{url}/{status}").stdout
            assert answer.decode() == status
        assert curl(proxy, "-w", "%{http_code}", f"{url}/missing").stdout.endswith(b"404")
        assert curl(proxy, "-r", "100-199", f"{url}/large").stdout
        assert curl(proxy, "-0", f"{url}/large").stdout == LARGE


def test_curl_reuses_the_connection(io, files):
    """Also for another host, after a HEAD, an upload, a redirect and an error."""
    _, url = files
    other = url.replace("127.0.0.1", "localhost")
    with Proxy(io=io) as proxy:
        done = curl(proxy, "-v", "-o", os.devnull, f"{url}/large", "-o", os.devnull,
                    f"{other}/large", "-o", os.devnull, f"{url}/204", "-o", os.devnull,
                    f"{other}/missing", "-o", os.devnull, f"{url}/large")
        words = done.stderr.decode()
        assert words.count("Re-using existing connection") == 4, words
        proxy.wait_log(r"5 HTTP requests")


def test_python_http_client(io, files):
    _, url = files
    with Proxy(io=io) as proxy:
        connection = http.client.HTTPConnection(*proxy.address, timeout=net.DEADLINE)
        for _ in range(3):
            connection.request("GET", f"{url}/large")
            assert connection.getresponse().read() == LARGE
            connection.request("POST", f"{url}/", body=iter([b"one ", b"two"]),
                               encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
            assert connection.getresponse().read() == b"one two"
            connection.request("HEAD", f"{url}/large")
            assert connection.getresponse().read() == b""
        connection.close()
        proxy.wait_log(r"9 HTTP requests")


def test_apt_updates_and_downloads(io, files):
    """apt pipelines its requests."""
    directory, url = files
    repository = directory / "repository"
    repository.mkdir()
    packages = []
    for number in range(12):
        root = directory / f"root{number}"
        (root / "DEBIAN").mkdir(parents=True)
        (root / "file").write_bytes(os.urandom(50_000))
        (root / "DEBIAN/control").write_text(
            f"Package: forward{number}\nVersion: 1\nArchitecture: all\nMaintainer: x <x@x.test>\n"
            "Description: x\n")
        name = f"forward{number}_1_all.deb"
        subprocess.run([program("dpkg-deb", "dpkg"), "--root-owner-group", "-b", root,
                        repository / name], check=True, capture_output=True)
        data = (repository / name).read_bytes()
        packages.append((root / "DEBIAN/control").read_text() +
                        f"Filename: ./{name}\nSize: {len(data)}\n"
                        f"SHA256: {hashlib.sha256(data).hexdigest()}\n")
    (repository / "Packages").write_text("\n".join(packages))
    state = directory / "apt"
    for name in ("lists/partial", "cache/archives/partial", "etc/apt.conf.d", "etc/preferences.d"):
        (state / name).mkdir(parents=True)
    (state / "status").touch()
    (state / "sources").write_text(f"deb [trusted=yes] {url}/repository ./\n")
    with Proxy("--http", io=io) as proxy:
        options = {
            "Dir::State::lists": f"{state}/lists", "Dir::State::status": f"{state}/status",
            "Dir::Cache": f"{state}/cache", "Dir::Etc": f"{state}/etc",
            "Dir::Etc::sourcelist": f"{state}/sources", "Dir::Etc::sourceparts": "-",
            "Acquire::http::Proxy": f"http://127.0.0.1:{proxy.port}", "APT::Sandbox::User": "root",
            "Acquire::Languages": "none", "Acquire::http::Pipeline-Depth": "10",
            "Acquire::Retries": "0"}
        apt = [program("apt-get", "apt"), *(f"-o{key}={value}" for key, value in options.items())]
        everything = [f"forward{n}" for n in range(12)]
        for words in (["update"], ["-y", "-d", "install", *everything]):
            done = subprocess.run(apt + words, capture_output=True, text=True,
                                  timeout=6 * net.DEADLINE, cwd=directory,
                                  env=environment(HOME=str(directory)))
            assert done.returncode == 0, done.stdout + done.stderr
    got = {path.name for path in (state / "cache/archives").glob("*.deb")}
    assert len(got) == 12, got


def test_chromium_loads_a_plain_page(io, tmp_path):
    with Web() as web, Dns({"page.test": Name(v4=["127.0.0.1"])}) as dns, \
            Proxy("--http", "--nameserver", dns.address_text, io=io) as proxy:
        page = dump(f"http://127.0.0.1:{proxy.port}", f"http://page.test:{web.port}/", tmp_path)
        assert "rows 42" in page and "second 42" in page, page[:2000]
        assert (f"page.test:{web.port}", "/more.js") in web.requests
        proxy.wait_log(r"page\.test.*established")


def websocket_accept(key):
    magic = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    return base64.b64encode(hashlib.sha1(magic.encode()).digest()).decode()


def websocket_frame(data, mask=b""):
    masked = bytes(b ^ mask[i % 4] for i, b in enumerate(data)) if mask else data
    return bytes([0x82, len(data) | (0x80 if mask else 0)]) + mask + masked


def websocket_echo(sock):
    """Answers the handshake, then sends every (short, masked) frame back unmasked."""
    head = net.recv_until(sock, b"\r\n\r\n").decode()
    fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
    assert fields["Upgrade"] == "websocket" and fields["Connection"].lower() == "upgrade"
    sock.sendall(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\n"
                  f"Sec-WebSocket-Accept: {websocket_accept(fields['Sec-WebSocket-Key'])}\r\n\r\n"
                  ).encode())
    while True:
        head = net.recv_exact(sock, 6)
        data = net.recv_exact(sock, head[1] & 0x7f)
        sock.sendall(websocket_frame(bytes(b ^ head[2 + i % 4] for i, b in enumerate(data))))


def test_a_websocket_echo(io):
    key = base64.b64encode(bytes(range(16))).decode()
    with Server(websocket_echo) as server, Proxy(io=io) as proxy, \
            net.connect(proxy.address) as client:
        address = f"127.0.0.1:{server.port}"
        # The first frame comes before the answer to the handshake: it must not be lost.
        client.sendall((f"GET http://{address}/chat HTTP/1.1\r\nHost: {address}\r\n"
                        "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
                        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode()
                       + websocket_frame(b"early", b"mask"))
        head = net.recv_until(client, b"\r\n\r\n").decode()
        assert head.startswith("HTTP/1.1 101 ") and websocket_accept(key) in head
        assert net.recv_exact(client, 7) == b"\x82\5early"
        for size in (0, 1, 100):
            client.sendall(websocket_frame(bytes(size), b"\1\2\3\4"))
            assert net.recv_exact(client, 2 + size) == bytes([0x82, size]) + bytes(size)
