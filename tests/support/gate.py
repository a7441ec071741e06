"""A hostile stretch of network: a TCP gate that slices, delays and resets.

It stands between client and proxy or between proxy and target. What it does to a connection
follows from the seed of the random generator it is given.
"""

import contextlib
import random
import socket
import threading

from support import net
from support.servers import Server


class Gate(Server):
    """slices: largest piece passed on; delays: probability and length of a pause between pieces;
    reset_after: bytes (both directions together) after which both sides get a RST."""

    def __init__(self, target, seed, slices=None, delays=(0.0, 0.0), reset_after=None):
        self._target, self._seed, self._slices = target, seed, slices
        self._delays, self._reset_after = delays, reset_after
        self._number = 0
        super().__init__(self._pass)

    def _pass(self, client):
        self._number += 1
        rng = random.Random(self._seed * 1000003 + self._number)
        upstream = net.connect(self._target)
        # The gate must not be the one that gives up on a slow test. A time-out there must be: with
        # one, a reading thread waits in poll(2), and the kernel lets another thread disconnect.
        client.settimeout(30 * net.DEADLINE)
        upstream.settimeout(30 * net.DEADLINE)
        state = {"left": self._reset_after, "lock": threading.Lock()}
        back = threading.Thread(target=self._pump, daemon=True,
                                args=(upstream, client, random.Random(rng.random()), state))
        back.start()
        self._pump(client, upstream, rng, state)
        back.join()
        upstream.close()

    def _pump(self, source, sink, rng, state):
        try:
            while data := source.recv(rng.randint(1, self._slices) if self._slices else 1 << 16):
                if self._delays[0] and rng.random() < self._delays[0]:
                    threading.Event().wait(rng.random() * self._delays[1])
                sink.sendall(data)
                if state["left"] is not None:
                    with state["lock"]:
                        state["left"] -= len(data)
                        over = state["left"] <= 0
                    if over:
                        self._abort(source, sink)
                        return
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            self._abort(source, sink)

    @staticmethod
    def _abort(*sockets):
        """RST to both sides, at once, while the other thread may be reading them."""
        for sock in sockets:
            with contextlib.suppress(OSError):
                net.disconnect(sock)
