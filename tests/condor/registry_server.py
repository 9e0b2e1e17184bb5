"""A registry of images that wants a login: runs on a worker machine, from an OCI layout.

`python3 registry_server.py LAYOUT CERTIFICATE KEY AUTHORIZATION`; says its port (of localhost, https), and serves until its
standard input is closed. Every name is the layout's one image, tagged 1.
"""

import http.server
import json
import ssl
import sys
import threading
from pathlib import Path

LAYOUT, CERTIFICATE, KEY, AUTHORIZATION = sys.argv[1:]
(MANIFEST,) = json.loads(Path(LAYOUT, "index.json").read_text())["manifests"]


class Registry(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.headers.get("Authorization") != AUTHORIZATION:
            self._answer(401, "application/json", b'{"errors":[{"code":"UNAUTHORIZED","message":"who are you?"}]}')
        elif self.path == "/v2/":
            self._answer(200, "application/json", b"{}")
        else:
            name = self.path.rpartition("/")[2]
            digest = MANIFEST["digest"] if name == "1" else name
            kind = MANIFEST["mediaType"] if digest == MANIFEST["digest"] else "application/octet-stream"
            self._answer(200, kind, Path(LAYOUT, "blobs", *digest.split(":")).read_bytes())

    do_HEAD = do_GET

    def _answer(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="registry"')
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Standard error belongs to what goes wrong."""


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERTIFICATE, KEY)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
