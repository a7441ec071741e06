"""A whole browser: Chromium loads a page and its script through our program."""

import pytest

from support.browser import dump
from support.dns import Dns, Name
from support.proxy import Proxy
from support.web import Web, certificate


@pytest.mark.parametrize("kind", ["socks5", "http"])
def test_chromium_loads_a_page_by_name(io, kind, workdir, tmp_path):
    """SOCKS5 in the clear; HTTP CONNECT with TLS, as browsers use it."""
    tls = certificate(workdir) if kind == "http" else None
    with Web(tls) as web, Dns({"page.test": Name(v4=["127.0.0.1"])}) as dns, \
            Proxy("--nameserver", dns.address_text, io=io) as proxy:
        page = dump(f"{kind}://127.0.0.1:{proxy.port}", f"{web.scheme}://page.test:{web.port}/",
                    tmp_path, "--ignore-certificate-errors")
        assert "rows 42" in page and "second 42" in page, page[:2000]
        assert dns.asked("page.test"), "the name did not travel to the proxy"
        proxy.wait_log(r"page\.test")
