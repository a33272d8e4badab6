"""The server that the profiled runs ask: a small shop over HTTP and HTTPS, and a sink for OTLP.

It listens on the loopback only, on ports that nobody has, and ends with its process.
"""

import gzip
import http.server
import json
import os
import socket
import ssl
import subprocess
import threading

# Largest request that it reads, in bytes.
BODY_BYTES_MAX = 8 * 1024 * 1024

MENU = json.dumps({"count": 20, "items": [
    {"id": n, "name": f"item-{n}", "price": n + 0.5, "tags": ["a", "b"]} for n in range(20)]})


class Request(http.server.BaseHTTPRequestHandler):
    """One connection: requests in turn, kept alive."""

    protocol_version = "HTTP/1.1"
    timeout = 30
    # Head and body are written one after the other.
    disable_nagle_algorithm = True

    def _answer(self, status, text="", headers=()):
        body = text.encode()
        self.send_response(status)
        if body and "gzip" in self.headers.get("accept-encoding", ""):
            body = gzip.compress(body)
            self.send_header("content-encoding", "gzip")
        for name, value in (("content-type", "application/json"), *headers):
            self.send_header(name, value)
        if status != 204:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path.startswith("/menu"):
            self._answer(200, MENU)
        elif self.path == "/orders/42":
            self._answer(200, '{"id":42,"state":"made"}')
        else:
            self._answer(404, "{}")

    def do_DELETE(self):
        self._answer(204)

    def do_POST(self):
        length = int(self.headers.get("content-length", 0))
        if length > BODY_BYTES_MAX:
            self.close_connection = True
            self._answer(413)
            return
        self.rfile.read(length)
        if self.path == "/login":
            cookie = ("set-cookie", "session=0123456789abcdef; Path=/; HttpOnly")
            self._answer(200, '{"token":"tok-0123456789abcdef"}', [cookie])
        elif self.path == "/orders":
            self._answer(201, '{"id":42}', [("location", "/orders/42")])
        else:
            # OTLP: an empty answer says that everything was taken.
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

    def log_message(self, *_):
        """Says nothing."""


class NoCertificate(Exception):
    """Why openssl made none."""


class Shop:
    """Both servers, the certificate's authority, and their addresses."""

    def __init__(self, folder):
        self._certify(folder)
        self.ca = os.path.join(folder, "ca.crt")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(folder, "server.crt"), os.path.join(folder, "server.key"))
        self.servers = []
        self.http = f"http://127.0.0.1:{self._listen(None)}"
        self.https = f"https://127.0.0.1:{self._listen(context)}"

    def _listen(self, context):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Request)
        if context:
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.servers.append(server)
        return server.server_port

    @staticmethod
    def _certify(folder):
        """An authority, and a P-256 certificate of it for 127.0.0.1."""
        def openssl(*words):
            done = subprocess.run(["openssl", *words], cwd=folder, stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, errors="replace")
            if done.returncode != 0:
                raise NoCertificate(f"openssl {words[0]}: {done.stderr[-4000:]}")
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        openssl("req", "-x509", *curve, "-days", "2", "-subj", "/CN=profile",
                "-keyout", "ca.key", "-out", "ca.crt")
        openssl("req", *curve, "-subj", "/CN=localhost", "-keyout", "server.key",
                "-out", "server.csr")
        with open(os.path.join(folder, "names"), "w") as out:
            out.write("subjectAltName=IP:127.0.0.1\n")
        openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", "server.crt")

    @staticmethod
    def free_port():
        with socket.create_server(("127.0.0.1", 0)) as one:
            return one.getsockname()[1]

    def stop(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()
