"""The log: its line format, levels, destinations, and what a session says in it."""

import re

import pytest

from support import clients, data, net
from support.proxy import Proxy

LINE = re.compile(
    r"[-FEWIDV] \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d [\w.]+:\d+ .*")


def use(proxy, echo):
    """A good session and a refused one."""
    with clients.open_tunnel(proxy.address, echo.address) as sock:
        data.ping(sock)
    holder, address = net.dead_port()
    with holder:
        clients.expect_refusal(proxy.address, address, "socks5", 5)
    return address


def test_every_line_has_the_format(io, echo):
    with Proxy(io=io) as proxy:
        use(proxy, echo)
        proxy.stop()
        lines = proxy.text("out").splitlines()
        assert len(lines) > 5
        for line in lines:
            assert LINE.fullmatch(line), line


def test_start_and_end_at_the_default_level(io, echo):
    with Proxy("--loglevel", "4", io=io, loglevel=4) as proxy:
        with clients.open_tunnel(proxy.address, echo.address) as sock:
            data.ping(sock)
        proxy.stop()
        text = proxy.text("out")
    order = [text.index(word) for word in ("listen: 127.0.0.1:", "server start",
                                           "server shutdown gracefully")]
    assert order == sorted(order)
    assert "D " not in [line[:2] for line in text.splitlines()]
    assert "shutdown:" not in text  # that one is information, not notice


def test_a_session_opens_and_closes_at_debug(io, echo):
    with Proxy(io=io) as proxy:
        with clients.open_tunnel(proxy.address, echo.address) as sock:
            client = "127.0.0.1:%d" % sock.getsockname()[1]
            data.ping(sock, b"1234567")
        found = proxy.wait_log(rf"^D .*\[\d+\] {re.escape(client)}\b.*up=(\d+) down=(\d+)")
        assert found.groups() == ("7", "7")
        assert proxy.count_log(re.escape(client)) >= 2


def test_failed_dial_names_client_and_target(io):
    holder, (host, port) = net.dead_port()
    with holder, Proxy(io=io) as proxy, net.connect(proxy.address) as sock:
        client = "127.0.0.1:%d" % sock.getsockname()[1]
        assert clients.socks5(sock, host, port).code == 5
        proxy.wait_log(rf"\[\d+\] {re.escape(client)}\b.*{host}:{port}.*[Rr]efused")


@pytest.mark.parametrize("level,wanted,unwanted", [
    ("0", "", "."), ("2", "", "server start"), ("5", "server start", r"^D ")])
def test_levels(io, echo, level, wanted, unwanted):
    with Proxy(io=io, loglevel=int(level), ready=False, listen="127.0.0.1:0") as proxy:
        # Without its log the port is only known to the kernel.
        proxy.address = net.wait_for(lambda: listening(proxy), "a listening socket")
        use(proxy, echo)
        proxy.stop()
        text = proxy.text("out")
        assert wanted in text
        assert not re.search(unwanted, text, re.MULTILINE)


def listening(proxy):
    inodes = {link[8:-1] for link in proxy.fds().values() if link.startswith("socket:[")}
    with open("/proc/net/tcp") as table:
        for line in table:
            field = line.split()
            if field[3] == "0A" and field[9] in inodes:
                return "127.0.0.1", int(field[1].split(":")[1], 16)
    return None


@pytest.mark.parametrize("output,stream", [
    ("stdout", "out"), ("stderr", "err"), ("terminal", "err"), ("syslog", None),
    ("discard", None)])
def test_destinations(io, echo, output, stream):
    with Proxy("--log", output, io=io, ready=False) as proxy:
        proxy.address = net.wait_for(lambda: listening(proxy), "a listening socket")
        use(proxy, echo)
        proxy.stop()
        for name in ("out", "err"):
            assert ("server start" in proxy.text(name)) == (name == stream)
        assert ("\x1b[" in proxy.text()) == (output == "terminal")


def test_log_that_nobody_reads_does_not_stop_the_service(io, echo):
    """stdout is closed on the other side: writing fails, serving goes on."""
    import os
    import subprocess
    from support.proxy import binary
    read, write = os.pipe()
    process = subprocess.Popen(
        [binary(), "-l", "127.0.0.1:0", "--io", io, "--loglevel", "6"], stdout=write,
        stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    os.close(write)
    with process, os.fdopen(read, "rb") as log:
        try:
            for line in log:
                if found := re.search(rb"listen: 127\.0\.0\.1:(\d+)", line):
                    port = int(found.group(1))
                if b"server start" in line:
                    break
            log.close()
            for _ in range(20):
                with clients.open_tunnel(("127.0.0.1", port), echo.address) as sock:
                    data.ping(sock)
        finally:
            process.terminate()
            assert process.wait(net.DEADLINE) == 0


def test_control_bytes_of_a_client_are_escaped(io):
    with Proxy(io=io) as proxy:
        with net.connect(proxy.address) as sock:
            sock.sendall(b"CONNECT evil\x1b[31m:1 HTTP/1.1\r\n\r\n")
            net.recv_all(sock)
        with net.connect(proxy.address) as sock:
            sock.sendall(clients.socks4a_request(b"evil\nI 2026 server start", 80))
            net.recv_all(sock)
        with net.connect(proxy.address) as sock:  # the same, as U+009B
            sock.sendall("CONNECT evil\x9b31m:1 HTTP/1.1\r\n\r\n".encode())
            net.recv_all(sock)
        proxy.stop()
        assert "\x1b" not in proxy.text() and "\x9b" not in proxy.text()
        for line in proxy.text("out").splitlines():
            assert LINE.fullmatch(line), line
