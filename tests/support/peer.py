"""A raw server: what each connection gets, byte for byte, and what it sent."""

import contextlib
import socket
import ssl
import struct
import threading


class Connection:
    """One accepted connection, in the hands of a script."""

    def __init__(self, sock):
        self.sock, self.received = sock, bytearray()

    def read_until(self, count=None, end=None):
        """Read until so many bytes, or these bytes, came. Returns False when the client closed before."""
        while (count is not None and len(self.received) < count) or (end is not None and end not in self.received):
            data = self.sock.recv(65536)
            if not data:
                return False
            self.received += data
        return True

    def read_request(self):
        """Read one request with its body (Content-Length); returns (head, body), or None when the client is gone."""
        if not self.read_until(end=b"\r\n\r\n"):
            return None
        head = bytes(self.received[:self.received.index(b"\r\n\r\n")])
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, value = line.split(b":", 1)
            if name.lower() == b"content-length":
                length = int(value)
        if not self.read_until(count=len(head) + 4 + length):
            return None
        end = len(head) + 4 + length
        body, self.received = bytes(self.received[len(head) + 4:end]), self.received[end:]
        return head.decode(), body

    def send(self, data):
        self.sock.sendall(data)

    def answer(self, body=b"", status="200 OK", headers=()):
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        self.send("\r\n".join(lines).encode() + body)

    def reset(self):
        """Close so that the client gets RST instead of an end."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class Peer:
    """scripts: a function of a Connection for each connection, in turn; the last one repeats."""

    def __init__(self, scripts, context):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.scripts, self.context = scripts, context
        self.count, self.requests, self.threads = 0, [], []
        self.over = threading.Event()  # for scripts that are silent until the test is over
        self.arrived = threading.Event()  # the first connection was accepted
        self.thread = threading.Thread(target=self.serve)

    def url(self, path="/"):
        return f"{'http' if self.context is None else 'https'}://{self.address}{path}"

    def serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            if self.over.is_set():
                sock.close()
                return
            script = self.scripts[min(self.count, len(self.scripts) - 1)]
            self.count += 1
            thread = threading.Thread(target=self.run, args=(sock, script))
            self.threads.append(thread)
            thread.start()

    def run(self, sock, script):
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.callback(sock.close)
            self.arrived.set()
            if self.context is not None:
                sock = self.context.wrap_socket(sock, server_side=True)
                stack.callback(sock.close)
            script(Connection(sock), self)


@contextlib.contextmanager
def serve(*scripts, certificate=None):
    """A Peer on a free port of loopback, until the end of the block."""
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    peer = Peer(scripts, context)
    peer.thread.start()
    try:
        yield peer
    finally:
        peer.over.set()
        with contextlib.suppress(OSError), socket.create_connection(peer.listener.getsockname()):
            pass  # wakes accept
        peer.thread.join()
        peer.listener.close()
        for thread in peer.threads:
            thread.join()


# ---- scripts

def answers(*responses):
    """Keep the connection and answer each request in turn with (body, status, headers) of a dict; then close."""

    def script(connection, peer):
        for response in responses:
            request = connection.read_request()
            if request is None:
                return
            peer.requests.append(request)
            connection.answer(**response)

    return script


def raw(data):
    """Answer one request with these bytes and close."""

    def script(connection, peer):
        peer.requests.append(connection.read_request())
        connection.send(data)

    return script
