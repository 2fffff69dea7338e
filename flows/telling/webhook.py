"""Signed messages to a URL, by Standard Webhooks 1.0.0 with its asymmetric scheme: the receiver needs no secret.

The URL itself is a secret, since whoever knows it may post there: it is in no message, log or record, only its host.
"""

import base64
import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from tasks.contracts.errors import Misused
from tasks.records.signatures import Key

WEBHOOK = "HALLMARK_WEBHOOK"  # the environment's variable; params.yaml is in git, where a secret must not be


@dataclass(frozen=True)
class Receiver:
    """Where messages go."""

    url: str = field(repr=False)
    host: str


@dataclass(frozen=True)
class Patience:
    """How often a message is tried, and for how long."""

    tries: int = 5
    first_pause_seconds: float = 1.0  # doubled after each try
    timeout_seconds: float = 10.0  # of one try
    whole_seconds: float = 60.0  # of all tries and pauses


@dataclass(frozen=True)
class Delivery:
    """How the sending of a message went; `fault` is empty where it arrived."""

    tries: int
    fault: str = ""


class NoRedirects(HTTPRedirectHandler):
    """Follows no redirect: the answer 3xx is an answer like any other."""

    def redirect_request(self, *_: object) -> None:
        return None


def receiver_of(url: str) -> Receiver:
    """The receiver that a URL names.

    Raises:
        Misused: it is no https URL (http is for this machine itself alone), or it holds a name and a password. The
            message does not repeat the URL.
    """
    wrong = Misused("is no URL that a notification may go to", where=WEBHOOK,
                    wanted="https://HOST/…, or http:// to this machine itself", found=_without_secrets(url))
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise wrong from None
    spaces = not url.isascii() or not url.isprintable() or " " in url
    secure = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host or ""))
    if not host or not secure or spaces or "@" in parts.netloc:
        raise wrong
    return Receiver(url, host)


def _without_secrets(url: str) -> str:
    scheme = url.partition(":")[0]
    return f"a URL with {scheme}:" if scheme in ("http", "https", "ftp", "file") else "something else"


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def headers(key: Key, message_id: str, seconds: int, body: bytes) -> dict[str, str]:
    """The headers of one try at `seconds` of the epoch: Ed25519 over `id.seconds.body`, as the specification says.

    The signed bytes begin with `msg_`, so that they are never those of a ledger entry or an approval, which begin
    with `hallmark `.
    """
    signature = key.private.sign(f"{message_id}.{seconds}.".encode() + body)
    return {"webhook-id": message_id, "webhook-timestamp": str(seconds),
            "webhook-signature": f"v1a,{base64.b64encode(signature).decode()}",
            "content-type": "application/json", "user-agent": "hallmark"}


def public_key(key: Key) -> str:
    """The public key as receivers take it: `whpk_` and base64."""
    return f"whpk_{base64.b64encode(bytes.fromhex(key.public)).decode()}"


def send(
    receiver: Receiver, key: Key, message_id: str, body: bytes, patience: Patience,
    *, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.time,
) -> Delivery:
    """Post a message until it is taken. Tried again: no connection, no answer in time, 429 and 5xx; nothing else is.

    Args:
        message_id: `msg_…`, the same at each try, so that a receiver takes a message once.
        clock: seconds of the epoch.
    """
    opener, ends = _opener(receiver), time.monotonic() + patience.whole_seconds
    pause, tried = patience.first_pause_seconds, 0
    while True:
        tried += 1
        timeout = max(0.1, min(patience.timeout_seconds, ends - time.monotonic()))
        request = Request(receiver.url, body, headers(key, message_id, int(clock()), body), method="POST")  # noqa: S310
        fault, again = _posted(opener, request, timeout)
        if not again or tried == patience.tries or time.monotonic() + pause >= ends:
            return Delivery(tried, fault)
        sleep(pause)
        pause *= 2


def _opener(receiver: Receiver) -> OpenerDirector:
    return build_opener(NoRedirects, *([ProxyHandler({})] if _is_loopback(receiver.host) else []))


def _posted(opener: OpenerDirector, request: Request, timeout: float) -> tuple[str, bool]:
    """What went wrong, in words without the URL, and whether another try may help."""
    try:
        with opener.open(request, timeout=timeout) as answer:
            return ("", False) if 200 <= answer.status < 300 else (f"the answer was {answer.status}", False)
    except HTTPError as error:
        with error:
            return f"the answer was {error.code}", error.code == 429 or error.code >= 500
    except URLError as error:
        reason = error.reason
        return (reason.strerror or type(reason).__name__) if isinstance(reason, OSError) else "no connection", True
    except OSError as error:  # the connection broke, or no answer came in time
        return error.strerror or type(error).__name__, True
    except HTTPException as error:
        return type(error).__name__, True
