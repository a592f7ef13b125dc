"""A web server whose answers a test writes down, request by request."""

import contextlib
import http.server
import ssl
import threading


class Web:
    """answers[path] is a list of functions of a request handler, used in turn; the last one repeats."""

    def __init__(self, server, scheme):
        self.server, self.scheme = server, scheme
        self.answers, self.requests = {}, []
        self.lock = threading.Lock()
        self.ended = threading.Event()  # set when the test is over, for answers that hang until then
        self.arrived = threading.Event()  # set by the first request

    def stop(self):
        """Take no more connections: they are refused."""
        self.server.shutdown()
        self.server.socket.close()

    @property
    def address(self):
        return f"127.0.0.1:{self.server.server_address[1]}"

    def url(self, path, user=""):
        return f"{self.scheme}://{user}{self.address}{path}"

    def ranges(self, path):
        """The Range header of each request for a path."""
        return [headers.get("Range") for asked, headers in self.requests if asked == path]

    def take(self, handler):
        path = handler.path.split("?")[0]
        with self.lock:
            self.requests.append((path, dict(handler.headers)))
            queue = self.answers.get(path, [status(404)])
            answer = queue.pop(0) if len(queue) > 1 else queue[0]
        self.arrived.set()
        answer(handler)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.web.take(self)

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64

    def handle_error(self, request, address):
        pass  # a client that hangs up is part of the tests


@contextlib.contextmanager
def serve(certificate=None):
    with Server(("127.0.0.1", 0), Handler) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        server.web = Web(server, "http" if certificate is None else "https")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.web
        finally:
            server.web.ended.set()
            server.shutdown()
            thread.join()


def head(handler, code, headers):
    handler.send_response(code)
    for name, value in headers.items():
        handler.send_header(name, str(value))
    handler.end_headers()


def status(code, **headers):
    """An answer without content; Retry_After=1 becomes Retry-After: 1."""

    def answer(handler):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        body = b"the server's own page"
        head(handler, code, {"Content-Length": len(body), **named})
        handler.wfile.write(body)

    return answer


def content(data, cut=None, ranges=True, length=True, etag=None, shift=0, if_range=None):
    """The bytes, or those a Range header asks for.

    cut      close the connection after so many bytes of this answer
    ranges   False: Range headers are not understood
    length   False: no Content-Length, the end of the connection is the end
    shift    answer a range that begins so much later than the one asked for
    if_range a list that If-Range headers are appended to"""

    def answer(handler):
        headers = {"ETag": etag} if etag else {}
        asked, code, part = handler.headers.get("Range"), 200, data
        if if_range is not None:
            if_range.append(handler.headers.get("If-Range"))
        matches = handler.headers.get("If-Range") in (None, etag)
        if ranges and asked is not None and matches:
            first = int(asked.removeprefix("bytes=").removesuffix("-")) + shift
            if first >= len(data):
                head(handler, 416, {"Content-Range": f"bytes */{len(data)}", "Content-Length": 0})
                return
            code, part = 206, data[first:]
            headers["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
        if length:
            headers["Content-Length"] = len(part)
        else:
            headers["Connection"] = "close"
        head(handler, code, headers)
        handler.wfile.write(part if cut is None else part[:cut])
        handler.close_connection = cut is not None or not length

    return answer


def hang(data, after):
    """The first bytes, then silence until the test is over."""

    def answer(handler):
        head(handler, 200, {"Content-Length": len(data), "Content-Type": "text/html"})
        handler.wfile.write(data[:after])
        handler.wfile.flush()
        handler.server.web.ended.wait()
        handler.close_connection = True

    return answer
