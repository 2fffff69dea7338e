"""What is noticed in rows that train all the same, and what must not raise an alarm."""

import pytest

from tasks.data.checks.privacy import personal_data
from tasks.data.checks.wording import has_roles, is_formula, is_odd_id, is_toxic, signs

# documentation values: RFC 2606 names, 555-01xx numbers, test cards, RFC 3849 and RFC 5737 addresses


@pytest.mark.parametrize(("text", "kind"), [
    ("write to jane.doe@example.com.", "email address"),
    ("call (555) 010-0199", "phone number"), ("call 555-010-0199 now", "phone number"),
    ("call +43 660 0000000", "phone number"), ("+1-555-010-0142", "phone number"),
    ("my mobile number is 556737-3523, is it not", "phone number"), ("Tel: 030 12345678", "phone number"),
    ("telephone 555 0142", "phone number"), ("\u6211\u7684\u624b\u673a\u53f7\u662f13812345678", "phone number"),
    ("13812345678", "phone number"),
    ("SSN 078-05-1120.", "social security number"),
    ("11010519491231002X", "resident identity number (China)"),  # the standard's own example
    ("my password is hunter2isBest!", "password"), ('API_KEY = "9f8a7b6c5d4e3f2a1b0c"', "password"),
    ('{"secret": "s3cr3t-value"}', "password"),
    ("card 4111 1111 1111 1111, exp 12/30", "card number"), ("5555-5555-5555-4444", "card number"),
    ("378282246310005", "card number"),
    ("IBAN DE89 3704 0044 0532 0130 00.", "IBAN"),
    ("server 203.0.113.7,", "IP address"), ("at 2001:db8::1.", "IP address (v6)"),
    ("742 Evergreen Terrace, Springfield", "street address"),
    ("born 1 Jan 1980", "date of birth"), ("passport X1234567", "passport number"),
    ("AKIAIOSFODNN7EXAMPLE", "secret key or token"), ("ghp_" + "0" * 36, "secret key or token"),
    ("sk-testA1b2C3d4E5f6G7h8I9j0", "secret key or token"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ0ZXN0In0.AAAAAAAAAAAA", "secret token (JWT)"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIB", "private key"),
])
def test_personal_data_is_recognised_by_kind(text, kind):
    assert personal_data(text) == [kind]


@pytest.mark.parametrize("text", [
    "5 + 3 * (40 - 2) = 119", "in the ratio 2:1:3 respectively", "1000000 - 400000 = 600000",
    "4111 1111 1111 1112",  # fails Luhn
    "110105194912310021",  # fails ISO 7064
    "answer/13812345678", "12345678901", "he phoned 3 people in 1999", "the phone costs 299 or 349",
    "the password is required", "a token: something", "the key is understanding", "tokens = 100000000",
    "0000 0000 0000 0000", "DE89 3704 0044 0532 0130 01",  # fails mod 97
    "Firefox 2.0.0.1", "at 10:30:00", "2026-11-21", "ISBN 978-3-16-148410-0", "std::vector", "a@b", "@home",
    "born in 1980", "300.400.500.600", "14000-3920-1000", "the sk-8 board", "pi is 3.14159265358979",
])
def test_numbers_of_everyday_texts_raise_no_alarm(text):
    assert personal_data(text) == []


@pytest.mark.parametrize(("text", "sign"), [
    ("a\x1b[31mred", "control"), ("a\x00b", "control"), ("a\x9d", "control"), ("caf\ufffd", "replacement"),
    ("a\u202eb", "hidden"), ("a\u2066b", "hidden"), ("a\u200bb", "hidden"), ("a\U000e0041b", "hidden"),
    ("â€œquotedâ€\u009d", "mojibake"), ("isnâ€™t", "mojibake"), ("cafÃ©", "mojibake"), ("<|im_start|>", "chat tokens"),
    ("[INST] x", "chat tokens"), ("a <eos> b", "chat tokens"), ("[NAME_PLACEHOLDER]", "placeholder"),
])
def test_signs_are_found(text, sign):
    assert sign in signs(text)


@pytest.mark.parametrize("text", [
    "👩‍👩‍👧‍👦 🏳️‍🌈 🏴󠁧󠁢󠁥󠁮󠁧󠁿 👍🏽", "שלום — مرحبا بالعالم ١٢٣", "中文，日本語、한국어", "Z̸̢̛͍͇̦a̷l̴g̵o̶", "नमस्ते க்ஷ ไทย",
    "tab\tand\r\nline\u2028\u0085", "à la “café” « Âge »", "2 < 3 and 5 > 4", "x <- y", "[1] see below",
])
def test_scripts_of_the_world_show_no_sign(text):
    assert signs(text) == []


@pytest.mark.parametrize(("text", "formula"), [
    ('=HYPERLINK("http://example.com","x")', True), ("@SUM(1+1)*cmd|' /C calc'!A0", True), ("=1+1", True),
    ("+1+cmd|' /C calc'!A0", True), ("- a list item", False), ("== heading ==", False), ("-5 degrees", False),
    ("@home we (all) rest", False), ("= 5", False), ("a =SUM(1)", False),
])
def test_formulas_are_told_from_lists_and_headings(text, formula):
    assert is_formula(text) == formula


def test_roles_ids_and_tone():
    assert has_roles("Yes.\n\nHuman: and then?")
    assert not has_roles("The Human: a history")
    assert is_toxic("You are an IDIOT.")
    assert is_toxic("I will hurt you")
    assert not is_toxic("The classic idiom of Scunthorpe: shut the door up there")
    assert is_odd_id("<script>")
    assert is_odd_id("a\nERROR")
    assert not is_odd_id("arg1_arg2/b:3#4.x-y é 7")
