"""Unix domain sockets as listeners (-l, --http) and as forward targets (-f)."""

import contextlib
import os
import pwd
import signal
import socket
import stat
import threading
import time

import pytest

from support import clients, data, net
from support.proxy import Proxy

NOBODY = pwd.getpwnam("nobody")


def start(*args, io, path, **options):
    """The proxy with one Unix listener; its log names no port that the harness could read."""
    proxy = Proxy(*args, io=io, listen=f"unix:{path}", ready=False, **options)
    try:
        proxy.wait_log(r"server start")
    except BaseException:
        proxy.kill()
        raise
    return proxy


def connect(path):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(net.DEADLINE)
    name = str(path)
    sock.connect("\0" + name[1:] if name.startswith("@") else name)
    return sock


def tunnel(path, target, kind="socks5"):
    sock = connect(path)
    clients.request_tunnel(kind, sock, *target)
    return sock


@contextlib.contextmanager
def unix_server(path, handler, backlog=64):
    """Runs handler(socket) for each connection, in a thread of its own."""
    name = str(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind("\0" + name[1:] if name.startswith("@") else name)
        listener.listen(backlog)

        over = threading.Event()

        def serve():
            listener.settimeout(0.02)
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    sock, _ = listener.accept()
                    sock.settimeout(net.DEADLINE)
                    threading.Thread(target=handle, args=(sock,), daemon=True).start()

        def handle(sock):
            with sock, contextlib.suppress(OSError):
                handler(sock)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener
        finally:
            over.set()
            thread.join(net.DEADLINE)


def echo_handler(sock):
    while piece := sock.recv(1 << 16):
        sock.sendall(piece)
    sock.shutdown(socket.SHUT_WR)


@pytest.mark.threads
@pytest.mark.parametrize("threads", [1, 4])
def test_serves_every_language(io, echo, tmp_path, threads):
    path = tmp_path / "proxy.sock"
    with start("--threads", str(threads), io=io, path=path) as proxy:
        proxy.wait_log(rf"I .*listen: unix:{path}$")
        for _ in range(20):
            for kind in clients.KINDS:
                with tunnel(path, echo.address, kind) as sock:
                    data.ping(sock)


def test_abstract_names(io, echo, tmp_path):
    name = f"@neosocksd-e2e-{os.getpid()}"
    with start("--threads", "2", io=io, path=name):
        with tunnel(name, echo.address) as sock:
            data.ping(sock)


def test_the_log_names_the_user_of_the_client(io, listener, tmp_path):
    path = tmp_path / "proxy.sock"
    with start(io=io, path=path) as proxy:
        with tunnel(path, listener.address):
            proxy.wait_log(r"D .*\[\d+\] unix:uid=0 -> `127\.0\.0\.1:\d+': established")


def test_the_socket_is_for_owner_and_group_and_removed_at_the_end(io, tmp_path):
    path = tmp_path / "proxy.sock"
    with start(io=io, path=path) as proxy:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert stat.S_ISSOCK(path.stat().st_mode)
        proxy.stop()
        assert not path.exists()


def test_the_socket_belongs_to_the_new_user(io, echo, tmp_path):
    path = tmp_path / "proxy.sock"
    with start("-u", "nobody:", io=io, path=path):
        assert (path.stat().st_uid, path.stat().st_gid) == (NOBODY.pw_uid, NOBODY.pw_gid)
        with tunnel(path, echo.address) as sock:
            data.ping(sock)


def test_a_socket_left_over_is_replaced_but_nothing_else(io, echo, tmp_path):
    path = tmp_path / "proxy.sock"
    with start(io=io, path=path) as proxy:
        second = Proxy(io=io, listen=f"unix:{path}", ready=False)
        with second:
            second.expect_exit(1)
            second.wait_log(r"E .*bind error: Address already in use")
        proxy.kill()
        proxy.ended = True
    assert path.exists()
    with start(io=io, path=path):
        with tunnel(path, echo.address) as sock:
            data.ping(sock)
    path.write_text("precious")
    with Proxy(io=io, listen=f"unix:{path}", ready=False) as proxy:
        proxy.expect_exit(1)
        proxy.wait_log(rf"E .*bind error: `{path}' exists and is not a socket")
    assert path.read_text() == "precious"


def test_a_socket_that_has_taken_its_place_is_left_alone(io, tmp_path):
    path = tmp_path / "proxy.sock"
    with start(io=io, path=path) as proxy:
        path.unlink()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
            other.bind(str(path))
            proxy.stop()
            assert path.exists()


@pytest.mark.parametrize("relay", [[], ["--pipe"], ["--no-pipe"]], ids=["adaptive", "pipe", "copy"])
def test_bulk_in_both_directions(io, echo, tmp_path, rng, relay):
    """Unix on both sides: through a Unix listener to a Unix target."""
    path, target = tmp_path / "proxy.sock", tmp_path / "target.sock"
    block = rng.randbytes(8 << 20)
    with unix_server(target, echo_handler), \
            start("-f", f"unix:{target}", *relay, io=io, path=path):
        with connect(path) as sock:
            sender = threading.Thread(target=lambda: (sock.sendall(block),
                                                      sock.shutdown(socket.SHUT_WR)))
            sender.start()
            data.compare(net.recv_all(sock), block)
            sender.join()


def test_everything_sent_before_a_close_arrives(io, listener, tmp_path, rng):
    """The kernel reports an orderly close of a Unix socket as a hang-up: it is no reset."""
    path = tmp_path / "proxy.sock"
    block = rng.randbytes(1 << 20)
    with start("-f", f"127.0.0.1:{listener.port}", io=io, path=path):
        with connect(path) as sock:
            sock.sendall(block)
        with listener.accept() as target:
            time.sleep(0.3)  # beyond the delay after which half-closed sessions are watched
            data.compare(net.recv_all(target), block)


def test_forwards_from_tcp_to_a_unix_target(io, tmp_path):
    target = tmp_path / "target.sock"
    with unix_server(target, echo_handler), Proxy("-f", f"unix:{target}", io=io) as proxy:
        for _ in range(3):
            with net.connect(proxy.address) as sock:
                data.ping(sock)
                sock.shutdown(socket.SHUT_WR)
                net.expect_end(sock)
        proxy.wait_log(rf"D .*-> `unix:{target}': established")


def test_an_answer_and_a_close_of_a_unix_target_arrive(io, tmp_path, rng):
    target = tmp_path / "target.sock"
    answer = rng.randbytes(3 << 20)
    with unix_server(target, lambda sock: sock.sendall(answer)), \
            Proxy("-f", f"unix:{target}", io=io) as proxy:
        with net.connect(proxy.address) as sock:
            data.compare(net.recv_all(sock), answer)


def test_a_unix_target_that_is_not_there_fails_the_session(io, tmp_path):
    target = tmp_path / "target.sock"
    with Proxy("-f", f"unix:{target}", io=io) as proxy:
        with net.connect(proxy.address) as sock:
            net.expect_closed(sock)
        proxy.wait_log(rf"W .*connect `unix:{target}': No such file or directory")
        with unix_server(target, echo_handler), net.connect(proxy.address) as sock:
            data.ping(sock)


def test_waits_for_a_full_backlog(io, tmp_path):
    target = tmp_path / "target.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(target))
        listener.listen(0)
        with connect(target), Proxy("-f", f"unix:{target}", io=io) as proxy, \
                net.connect(proxy.address) as sock:
            sock.sendall(b"ping")
            net.expect_silence(sock, 0.2)
            listener.accept()[0].close()
            with listener.accept()[0] as server:
                assert net.recv_exact(server, 4) == b"ping"


@pytest.mark.threads
def test_all_workers_share_the_socket(io, echo, tmp_path):
    """Many at once: nobody is lost, whoever is woken for whom."""
    path = tmp_path / "proxy.sock"
    with start("--threads", "4", io=io, path=path), contextlib.ExitStack() as stack:
        socks = [stack.enter_context(connect(path)) for _ in range(200)]
        for sock in socks:
            clients.request_tunnel("socks5", sock, *echo.address)
        for sock in socks:
            data.ping(sock)


def test_drain_removes_the_socket_at_once(io, echo, tmp_path):
    path = tmp_path / "proxy.sock"
    with start("--drain", "60", io=io, path=path) as proxy:
        with tunnel(path, echo.address) as sock:
            proxy.signal(signal.SIGTERM)
            net.wait_for(lambda: not path.exists(), "the socket file to be removed")
            data.ping(sock)
        proxy.expect_exit(0)
