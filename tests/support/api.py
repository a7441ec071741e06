"""The REST API of a Proxy: requests as bytes, answers taken apart.

    with Proxy("--api", "127.0.0.1:0", io=io) as proxy:
        api = Api(proxy)
        assert api.get("/healthy").status == 200
"""

import re
import zlib

from support import net
from support.http_origin import read_response

RPC_TYPE = "application/x-neosocksd-rpc; version=1"


def address(proxy):
    """Where the API listens."""
    host, port = re.search(r"api listen: (\S+):(\d+)$", proxy.text(), re.MULTILINE).groups()
    return host.strip("[]"), int(port)


class Api:
    def __init__(self, proxy):
        self.address = address(proxy)

    def connect(self):
        return net.connect(self.address)

    def raw(self, data, head=False):
        """Sends these bytes on a connection of their own; the first response."""
        with self.connect() as sock:
            sock.sendall(data)
            return read_response(sock, bodiless=head)

    def ask(self, method, target, body=None, *fields, version="1.1"):
        return self.raw(request(method, target, body, *fields, version=version), method == "HEAD")

    def get(self, target, *fields):
        return self.ask("GET", target, None, *fields)

    def post(self, target, body=b"", *fields):
        return self.ask("POST", target, body, *fields)

    def invoke(self, code):
        return self.post("/ruleset/invoke", code.encode())

    def rpcall(self, code, *fields):
        return self.post("/ruleset/rpcall", code.encode(), f"Content-Type: {RPC_TYPE}", *fields)

    def stat(self, label):
        """The value of one line of /stats."""
        text = self.get("/stats").body.decode()
        return re.search(rf"^{label} *: (.*)$", text, re.MULTILINE).group(1)


def request(method, target, body=None, *fields, version="1.1"):
    lines = [f"{method} {target} HTTP/{version}", *fields]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b"")


def inflated(response):
    assert response.get("Content-Encoding") == ["deflate"]
    return zlib.decompress(response.body)


def page(status, name, text):
    """The body of an error page."""
    return (f"<HTML><HEAD><TITLE>{status} {name}</TITLE></HEAD>\n"
            f"<BODY><H1>{status} {name}</H1>\n{text}\n</BODY></HTML>\n").encode()
