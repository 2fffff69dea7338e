"""A message arrives signed, is tried again where that may help, and the URL is told to nobody."""

import socket
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from flows.telling.webhook import Patience, public_key, receiver_of, send
from tasks.contracts.errors import Misused
from tasks.records.signatures import Key, make_key
from tests.flows.telling.receiving import inbox, verifies

QUICK = Patience(tries=5, first_pause_seconds=0.01, timeout_seconds=1.0, whole_seconds=10.0)


@pytest.fixture
def key(tmp_path: Path) -> Key:
    return make_key(tmp_path / "key.pem")


def test_a_message_verifies_and_a_changed_one_does_not(key: Key, tmp_path: Path) -> None:
    with inbox() as box:
        delivery = send(receiver_of(box.url), key, "msg_1", b'{"a":1}', QUICK)
    (headers, body), = box.got

    assert (delivery.tries, delivery.fault) == (1, "")
    assert (headers["webhook-id"], headers["content-type"], body) == ("msg_1", "application/json", b'{"a":1}')
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 5
    assert verifies(public_key(key), headers, body)
    assert not verifies(public_key(key), headers, b'{"a":2}')
    assert not verifies(public_key(key), {**headers, "webhook-id": "msg_2"}, body)
    assert not verifies(public_key(key), {**headers, "webhook-timestamp": "1"}, body)
    assert not verifies(public_key(make_key(tmp_path / "other.pem")), headers, body)


def test_an_overloaded_receiver_is_tried_again_with_the_same_id_and_a_new_time(key: Key) -> None:
    pauses: list[float] = []
    times = iter([100.0, 200.0, 300.0])
    with inbox(503, 429, 200) as box:
        delivery = send(
            receiver_of(box.url), key, "msg_1", b"{}", QUICK, sleep=pauses.append, clock=lambda: next(times))

    assert (delivery.tries, delivery.fault, pauses) == (3, "", [0.01, 0.02])
    assert [headers["webhook-id"] for headers, _ in box.got] == ["msg_1"] * 3
    assert [headers["webhook-timestamp"] for headers, _ in box.got] == ["100", "200", "300"]
    assert all(verifies(public_key(key), headers, body) for headers, body in box.got)


@pytest.mark.parametrize("status", [400, 401, 404, 410, 302, 307])
def test_a_receiver_that_does_not_want_it_is_tried_once_and_no_redirect_is_followed(key: Key, status: int) -> None:
    with inbox(status) as box:
        delivery = send(receiver_of(box.url), key, "msg_1", b"{}", QUICK)

    assert (delivery.tries, delivery.fault, len(box.got)) == (1, f"the answer was {status}", 1)


def test_a_receiver_that_stays_down_is_given_up_after_the_last_try(key: Key) -> None:
    with inbox(500) as box:
        delivery = send(receiver_of(box.url), key, "msg_1", b"{}", QUICK)

    assert (delivery.tries, delivery.fault, len(box.got)) == (5, "the answer was 500", 5)


def test_no_connection_is_a_fault_in_words(key: Key) -> None:
    with inbox() as box:
        url = box.url  # nobody listens there any more

    delivery = send(receiver_of(url), key, "msg_1", b"{}", QUICK)

    assert (delivery.tries, delivery.fault) == (5, "Connection refused")


def test_a_receiver_that_says_nothing_costs_no_more_than_the_whole_time(key: Key) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        began = time.monotonic()
        delivery = send(receiver_of(f"http://127.0.0.1:{deaf.getsockname()[1]}"), key, "msg_1", b"{}",
                        Patience(tries=100, first_pause_seconds=0.01, timeout_seconds=0.3, whole_seconds=1.0))

    assert time.monotonic() - began < 1.5
    assert 2 <= delivery.tries <= 5
    assert "timed out" in delivery.fault or delivery.fault == "TimeoutError"


@pytest.mark.parametrize("url", [
    "https://hooks.example.org/x", "https://hooks.example.org:8443/x?token=1", "http://127.0.0.1:9/x",
    "http://localhost/x", "http://[::1]:80/x"])
def test_https_and_this_machine_itself_are_receivers(url: str) -> None:
    receiver = receiver_of(url)

    assert receiver.url == url
    assert "/x" not in repr(receiver)


@pytest.mark.parametrize("url", [
    "http://hooks.example.org/secret", "http://10.0.0.1/secret", "ftp://127.0.0.1/secret", "hooks.example.org/secret",
    "https:///secret", "https://ann:pass@hooks.example.org/secret", "https://hooks.example.org:port/secret",
    "https://hooks.example.org/sec ret", "https://[::1/secret", "http://localhost.example.org/secret"])
def test_anything_else_is_misused_and_the_message_keeps_the_secret(url: str) -> None:
    with pytest.raises(Misused) as caught:
        receiver_of(url)

    assert "secret" not in str(caught.value)
    assert "pass" not in str(caught.value)


def test_the_readme_shows_a_receiver_how_to_verify(key: Key, repository: Path) -> None:
    blocks = (repository / "README.md").read_text(encoding="utf-8").split("```python\n")[1:]
    (shown,) = [block.partition("```")[0] for block in blocks if "def verify" in block]
    place: dict[str, Any] = {}
    exec(shown, place)
    with inbox() as box:
        send(receiver_of(box.url), key, "msg_1", b"{}", QUICK)
    (headers, body), = box.got

    place["verify"](public_key(key), headers, body)
    with pytest.raises(InvalidSignature):
        place["verify"](public_key(key), headers, body + b" ")
