"""A way to a server that can be cut, as a network is, while the server lives on."""

import socket
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress

CHUNK = 1 << 16


class Way:
    """Bytes go through it, to a port of this machine and back, until it is cut.

    Attributes:
        url: Where clients connect to.
    """

    def __init__(self, listener: socket.socket, to_port: int) -> None:
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._listener = listener
        self._to_port = to_port
        self._is_cut = False
        self._open: list[socket.socket] = []
        self._alone = threading.Lock()

    def cut(self) -> None:
        """Connections break off, and new ones too, until it is mended."""
        with self._alone:
            self._is_cut = True
            for end in self._open:
                _close(end)
            self._open.clear()

    def mend(self) -> None:
        with self._alone:
            self._is_cut = False

    def carry(self) -> None:
        """Until the listener is closed. Blocks."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with self._alone:
                    if self._is_cut:
                        client.close()
                        continue
                    server = socket.create_connection(("127.0.0.1", self._to_port))
                    self._open += [client, server]
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=_pump, args=(source, target), daemon=True).start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(CHUNK):
            target.sendall(data)
    _close(source)
    _close(target)


def _close(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextmanager
def open_way(url: str) -> Generator[Way]:
    """A way to the server at a URL of this machine."""
    listener = socket.create_server(("127.0.0.1", 0))
    with closing(listener):
        way = Way(listener, int(url.rpartition(":")[2]))
        carries = threading.Thread(target=way.carry, daemon=True)
        carries.start()
        yield way
        way.cut()
        _close(listener)  # which wakes the one who accepts
    carries.join()
