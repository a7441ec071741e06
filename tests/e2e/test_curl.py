"""curl through our program, in every proxy language it speaks."""

import subprocess

import pytest

from support import net
from support.peers import environment
from support.process import program
from support.proxy import Proxy
from support.web import LARGE, Web, certificate

# option, and whether the name travels to the proxy
MODES = {
    "socks4": (["--socks4"], False),
    "socks4a": (["--socks4a"], True),
    "socks5": (["--socks5"], False),
    "socks5h": (["--socks5-hostname"], True),
    "http": (["-p", "--proxy"], True),
}


def curl(mode, proxy, url, *more, data=None):
    words, _ = MODES[mode]
    done = subprocess.run(
        [program("curl", "curl"), "-sS", "--max-time", str(3 * net.DEADLINE), *words,
         f"127.0.0.1:{proxy.port}", *more, url], input=data, capture_output=True, env=environment())
    assert done.returncode == 0, f"curl ends with {done.returncode}: {done.stderr.decode()}"
    return done.stdout


@pytest.mark.parametrize("mode", MODES)
def test_fetches_two_megabytes(io, mode):
    with Web() as web, Proxy(io=io) as proxy:
        host = "localhost" if MODES[mode][1] else web.host
        assert curl(mode, proxy, f"http://{host}:{web.port}/large") == LARGE


@pytest.mark.parametrize("mode", MODES)
def test_gives_credentials_that_nobody_asked_for(io, mode):
    with Web() as web, Proxy(io=io) as proxy:
        got = curl(mode, proxy, web.url + "/large", "--proxy-user", "alice:op:en sesame")
        assert got == LARGE


@pytest.mark.parametrize("mode", MODES)
def test_uploads(io, mode, rng):
    body = rng.randbytes(1 << 20)
    with Web() as web, Proxy(io=io) as proxy:
        assert curl(mode, proxy, web.url + "/", "--data-binary", "@-", data=body) == body


@pytest.mark.parametrize("mode", MODES)
def test_speaks_tls_through_it(io, mode, workdir):
    with Web(certificate(workdir)) as web, Proxy(io=io) as proxy:
        assert curl(mode, proxy, web.url + "/large", "-k") == LARGE


def test_names_the_refusal(io):
    """curl's words for SOCKS5 reply 05 and for 502: the user sees why."""
    with Proxy(io=io) as proxy:
        for option, word in (["--socks5", "(5)"], ["-p", "502"]):
            words = [option, "--proxy"] if option == "-p" else [option]
            done = subprocess.run(
                [program("curl", "curl"), "-sS", "--max-time", str(3 * net.DEADLINE), *words,
                 f"127.0.0.1:{proxy.port}", "http://127.0.0.1:1/"],
                capture_output=True, text=True, env=environment())
            assert done.returncode != 0 and word in done.stderr, done.stderr
