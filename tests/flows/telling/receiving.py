"""A real receiver of notifications on the loopback, which answers as it is told and keeps what it was sent."""

import base64
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Inbox(ThreadingHTTPServer):
    """`answers`: the status of each answer, the last one for ever after."""

    def __init__(self, answers: Sequence[int]):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = list(answers)
        self.got: list[tuple[dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hooks/a-secret-place"

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.got]


class _Handler(BaseHTTPRequestHandler):
    server: Inbox

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        answers = self.server.answers
        self.send_response(answers.pop(0) if len(answers) > 1 else answers[0])
        self.send_header("location", self.server.url)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@contextmanager
def inbox(*answers: int) -> Iterator[Inbox]:
    """Serve until the block ends."""
    server = Inbox(answers or (200,))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def verifies(public: str, headers: dict[str, str], body: bytes) -> bool:
    """What a receiver does, as the README says: `public` is whpk_ and base64."""
    scheme, _, signature = headers["webhook-signature"].partition(",")
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(public.removeprefix("whpk_"))).verify(
            base64.b64decode(signature), signed)
    except InvalidSignature:
        return False
    return scheme == "v1a"
