"""What Authentication-Results prove: those of our own server, the topmost, for the domain in From."""

from __future__ import annotations

from email import message_from_string

import pytest

from service.domain.mail_origin import is_proved

GMAIL = """mx.example.org;
       dkim=pass header.i=@example.com header.s=20230601 header.b=Zx9;
       spf=pass (mx.example.org: domain of ben@example.com designates 192.0.2.1 (one of (theirs)) as permitted sender)
       smtp.mailfrom=ben@example.com;
       dmarc=pass (p=NONE sp=QUARANTINE dis=NONE) header.from=example.com"""


def proved(*results, sender="Ben <ben@example.com>"):
    lines = "".join(f"Authentication-Results: {each}\n" for each in results)
    return is_proved(message_from_string(f"{lines}From: {sender}\n\nYes"), "mx.example.org")


@pytest.mark.parametrize(
    "results",
    [
        GMAIL,
        "mx.example.org; dmarc=pass header.from=example.com",
        "MX.example.org 1; dmarc=PASS (p=reject) header.from=EXAMPLE.com",
        '(from the front) mx.example.org; spf=none; dkim/1 = pass reason="good; signature" header.d=example.com',
        "mx.example.org; dmarc=none; spf=pass smtp.mailfrom=bounces@mail.example.com",
        "mx.example.org; spf=fail smtp.mailfrom=x@x.test; dkim=fail header.d=x.test; dkim=pass header.d=example.com",
    ],
)
def test_proved(results):
    assert proved(results)


@pytest.mark.parametrize(
    "results",
    [
        "mx.example.org; none",
        "mx.example.org",
        "",
        GMAIL.replace("pass", "fail"),
        "mx.example.org; spf=pass smtp.mailfrom=a@example.com; dmarc=fail header.from=example.com",
        "mx.example.org; dmarc=pass header.from=example.net",
        "mx.example.org; spf=pass smtp.mailfrom=a@example.net; dkim=pass header.d=notexample.com",
        "mx.example.org; dkim=pass",
        'mx.example.org; spf=pass smtp.mailfrom="; dmarc=pass header.from=example.com"@example.net; dmarc=fail',
        'mx.example.org; spf=pass smtp.mailfrom="a\\"; dkim=pass header.d=example.com"@example.net',
        "mx.example.org; spf=pass smtp.mailfrom=; dmarc=pass header.from=example.com@example.net; dmarc=fail",
        "mx.example.org; (dmarc=pass header.from=example.com) spf=softfail smtp.mailfrom=a@example.com",
        "mx.example.org.evil.example; dmarc=pass header.from=example.com",
        "evil.example; dmarc=pass header.from=example.com",
    ],
)
def test_not_proved(results):
    assert not proved(results)


def test_the_topmost_of_our_own_counts_and_no_other():
    good = "mx.example.org; dmarc=pass header.from=example.com"
    bad = good.replace("pass", "fail")
    assert proved(good, bad)
    assert not proved(bad, good), "the lower one came along with the mail"
    assert proved("relay.example.net; dmarc=fail header.from=example.com", good)
    assert not proved()
    assert not proved(good, sender="nobody")


def test_it_is_read_in_bounded_time():
    assert not proved("mx.example.org; " + "(" * 100_000)
    assert not proved("mx.example.org; " + "dkim=pass header.d=" * 50_000)
