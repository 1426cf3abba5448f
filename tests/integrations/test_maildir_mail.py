"""The local mailbox: a Maildir that any program can read, and that keeps each mail once."""

from __future__ import annotations

import mailbox
import os

import pytest

from integrations.maildir_mail import MaildirMailer, kept_mail, kept_mails
from service.domain.errors import AdapterError
from service.ports import Envelope


def mail(number, text="Hello"):
    return f"Message-ID: <{number}@example.org>\r\nSubject: Mail {number}\r\n\r\n{text}\r\n".encode()


def deliver(folder, octets, recipient="ana@example.org"):
    with MaildirMailer(folder).session() as session:
        session.offer(Envelope("meet@example.org", recipient))
        session.deliver(octets)


def test_a_mail_is_kept_as_it_was_with_its_recipient(tmp_path):
    deliver(tmp_path / "box", mail(1))
    [kept] = kept_mails(tmp_path / "box")
    assert (kept.recipient, kept.octets, kept.message["Subject"]) == ("ana@example.org", mail(1), "Mail 1")
    assert kept_mail(tmp_path / "box", kept.key).octets == mail(1)
    [read] = mailbox.Maildir(tmp_path / "box", create=False)
    assert read["X-Envelope-To"] == "ana@example.org"


def test_the_same_mail_again_is_kept_once(tmp_path):
    for recipient in ("ana@example.org", "ben@example.org", "ana@example.org"):
        deliver(tmp_path, mail(1), recipient)
    assert sorted(kept.recipient for kept in kept_mails(tmp_path)) == ["ana@example.org", "ben@example.org"]


def test_a_mail_that_another_program_has_read_is_still_there_and_still_kept_once(tmp_path):
    deliver(tmp_path, mail(1))
    [kept] = kept_mails(tmp_path)
    os.rename(tmp_path / "new" / kept.key, tmp_path / "cur" / f"{kept.key}:2,S")
    deliver(tmp_path, mail(1))
    assert [again.key for again in kept_mails(tmp_path)] == [kept.key]


def test_oldest_first(tmp_path):
    for number, age in ((1, 50), (2, 100), (3, 10)):
        deliver(tmp_path, mail(number))
        [fresh] = [kept for kept in kept_mails(tmp_path) if kept.octets == mail(number)]
        os.utime(tmp_path / "new" / fresh.key, (1_800_000_000 - age,) * 2)
    assert [str(kept.message["Subject"]) for kept in kept_mails(tmp_path)] == ["Mail 2", "Mail 1", "Mail 3"]


def test_no_box_is_an_empty_box(tmp_path):
    assert kept_mails(tmp_path / "none") == []
    assert kept_mail(tmp_path / "none", "x") is None


@pytest.mark.parametrize("key", ["../secret", "..", "", "new", "/etc/passwd"])
def test_a_key_is_never_a_path(tmp_path, key):
    (tmp_path / "secret").write_text("SECRET")
    deliver(tmp_path / "box", mail(1))
    assert kept_mail(tmp_path / "box", key) is None


def test_nothing_is_delivered_without_an_offer(tmp_path):
    with MaildirMailer(tmp_path).session() as session, pytest.raises(ValueError, match="offer"):
        session.deliver(mail(1))


def test_a_folder_that_cannot_be_made_delays_the_mail(tmp_path):
    (tmp_path / "box").write_text("a file stands where the folder should")
    with pytest.raises(AdapterError) as fault:
        deliver(tmp_path / "box", mail(1))
    assert (fault.value.code, fault.value.permanent) == ("mailbox_not_writable", False)
