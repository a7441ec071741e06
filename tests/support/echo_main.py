"""Echo server in a process of its own: prints its port, serves until it is killed."""

import selectors
import socket


class Connection:
    def __init__(self, sock):
        self.sock = sock
        self.pending = bytearray()
        self.ended = False


def serve():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(4096)
    listener.setblocking(False)
    print(f"port {listener.getsockname()[1]}", flush=True)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)

    def update(connection):
        events = 0
        if not connection.ended and len(connection.pending) < 1 << 20:
            events |= selectors.EVENT_READ
        if connection.pending:
            events |= selectors.EVENT_WRITE
        if not events:
            selector.unregister(connection.sock)
            connection.sock.close()
        elif selector.get_key(connection.sock).events != events:
            selector.modify(connection.sock, events, connection)

    def step(connection, events):
        try:
            if events & selectors.EVENT_READ:
                data = connection.sock.recv(1 << 18)
                connection.ended = not data
                connection.pending += data
            if connection.pending:
                try:
                    sent = connection.sock.send(connection.pending)
                    del connection.pending[:sent]
                except BlockingIOError:
                    pass
        except OSError:
            connection.ended = True
            connection.pending.clear()
        update(connection)

    while True:
        for key, events in selector.select():
            if key.fileobj is listener:
                while True:
                    try:
                        sock = listener.accept()[0]
                    except BlockingIOError:
                        break
                    sock.setblocking(False)
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    selector.register(sock, selectors.EVENT_READ, Connection(sock))
            else:
                step(key.data, events)


if __name__ == "__main__":
    serve()
