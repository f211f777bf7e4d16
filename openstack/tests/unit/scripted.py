"""A server that answers what a test tells it, on TCP, TLS or a unix socket."""

import contextlib
import json
import pathlib
import socketserver
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one(self):
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        answer = self.server.answer(self.command, self.path, body)
        if answer is None:
            self.close_connection = True
            self.connection.close()
            return
        status, text = answer
        data = text if isinstance(text, bytes) else json.dumps(text).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one  # noqa: N815

    def address_string(self):
        return "client"

    def log_message(self, *words):
        pass

    def finish(self):
        with contextlib.suppress(OSError, ValueError):
            super().finish()


@contextlib.contextmanager
def scripted(answer, unix=None, tls=None, port=0):
    """Serves; yields the URL and the list of requests that have been seen."""
    server = UnixServer(unix, Handler) if unix else ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    server.answer = answer
    server.seen = []
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    scheme = "https" if tls else "http"
    try:
        yield (f"unix://{unix}" if unix else f"{scheme}://127.0.0.1:{server.server_address[1]}"), server.seen
    finally:
        # Connections that clients keep outlive the server: their next request closes them.
        server.answer = lambda *_: None
        server.shutdown()
        server.server_close()
        thread.join()


def certificate(directory: pathlib.Path, name: str):
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    files = directory / f"{name}.crt", directory / f"{name}.key"
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
    outputs = ["-out", str(files[0]), "-keyout", str(files[1])]
    subprocess.run(["openssl", *words, *names, *outputs], check=True, capture_output=True)
    return str(files[0]), str(files[1])


def server_side(certificate_file, key_file, clients=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file, key_file)
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients)
    return context
