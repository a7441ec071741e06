"""A small web server, plain or with TLS and a certificate it signed itself."""

import http.server
import ssl
import subprocess
import threading

from support.process import program

PAGE = b"""<!DOCTYPE html><html><head><title>page</title></head><body><p id="p">not run</p>
<script>document.getElementById("p").textContent = "rows " + (40 + 2);</script>
<script src="/more.js"></script></body></html>"""
SCRIPT = b"""const q = document.createElement("q"); q.textContent = "second " + 6 * 7;
document.body.appendChild(q);"""
LARGE = bytes(range(256)) * 8192


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _reply(self, body, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.server.requests.append((self.headers.get("Host"), self.path))
        if self.path == "/more.js":
            self._reply(SCRIPT, "text/javascript")
        elif self.path == "/large":
            self._reply(LARGE, "application/octet-stream")
        else:
            self._reply(PAGE, "text/html; charset=utf-8")

    def do_POST(self):
        self._reply(self.rfile.read(int(self.headers["Content-Length"])), "text/plain")

    def log_message(self, *_):
        pass


def certificate(directory):
    """Path of a key and certificate for localhost, 127.0.0.1 and page.test in one file."""
    path = directory / "web.pem"
    if not path.exists():
        subprocess.run(
            [program("openssl", "openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes",
             "-keyout", path, "-out", directory / "web.crt", "-days", "2", "-subj",
             "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,DNS:page.test,IP:127.0.0.1"],
            check=True, capture_output=True)
        with open(path, "ab") as out:
            out.write((directory / "web.crt").read_bytes())
    return path


class Web:
    def __init__(self, certificate_path=None, host="127.0.0.1"):
        self._server = http.server.ThreadingHTTPServer((host, 0), Handler)
        self._server.requests = self.requests = []
        self._server.daemon_threads = True
        self.scheme = "http"
        if certificate_path:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate_path)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False)
            self.scheme = "https"
        self.host, self.port = self._server.server_address[:2]
        self.url = f"{self.scheme}://{self.host}:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
