"""Our mailbox over IMAP, on a real server."""

from __future__ import annotations

import socket
from datetime import date, timedelta

import pytest

from bench.dovecot import PASSWORD
from integrations.imap_mail import MOST_OCTETS, ImapMailbox
from service.domain.errors import AdapterError
from tests import certificates
from tests.integrations import servers
from tests.smtp import free_port

LONG_AGO, TOMORROW = date(2001, 1, 1), date.today() + timedelta(days=1)  # noqa: DTZ011 - the server's own day


def mail(number: int, body: bytes = b"Yes.") -> bytes:
    return b"Message-ID: <%d@example.org>\r\nFrom: ana@example.org\r\n\r\n%s\r\n" % (number, body)


def mailbox(imap, **other):
    about = {
        "username": imap.user, "password": PASSWORD, "security": "none", "folder": "INBOX", "done": None,
        "unclear": None, "extra_ca": None, "timeout": timedelta(seconds=10), "port": imap.port,
    } | other  # fmt: skip
    return ImapMailbox("127.0.0.1", about.pop("port"), **about)


def test_mails_come_in_their_order_octet_for_octet_and_stay_unread(imap):
    mails = [mail(1), mail(2, b"Gr\xc3\xbc\xc3\x9fe {5}\r\n)\r\nA1 OK"), mail(3, b"")]
    imap.put(*mails)
    with mailbox(imap).session() as session:
        found = session.fetch(0, 2)
        assert [each.octets for each in found] == mails[:2]
        assert [each.octets for each in session.fetch(found[-1].uid, 2)] == mails[2:]
        assert session.fetch(session.fetch(0, 9)[-1].uid, 2) == []
    assert imap.flags() == [set(), set(), set()]


def test_uids_stand_over_sessions(imap):
    imap.put(mail(1))
    with mailbox(imap).session() as session:
        validity, (first,) = session.validity, session.fetch(0, 9)
    imap.put(mail(2))
    with mailbox(imap).session() as session:
        assert session.validity == validity > 0
        assert [each.octets for each in session.fetch(first.uid, 9)] == [mail(2)]


def test_what_came_before_a_day_is_left_alone(imap):
    with mailbox(imap).session() as session:
        assert session.before(LONG_AGO) == 0
    imap.put(mail(1), mail(2))
    with mailbox(imap).session() as session:
        assert len(session.fetch(session.before(LONG_AGO), 9)) == 2
        assert session.fetch(session.before(TOMORROW + timedelta(days=1)), 9) == []


def test_of_a_long_mail_comes_its_beginning(imap):
    long = mail(1, b"0123456789abcdef" * 5 + b"\r\n" + (b"x" * 76 + b"\r\n") * 60_000)
    imap.put(long, mail(2))
    with mailbox(imap).session() as session:
        first, second = session.fetch(0, 9)
    assert (len(first.octets), first.octets) == (MOST_OCTETS, long[:MOST_OCTETS])
    assert second.octets == mail(2)


def test_read_mail_is_marked_and_stays(imap):
    imap.put(mail(1), mail(2), mail(3))
    with mailbox(imap).session() as session:
        uids = [each.uid for each in session.fetch(0, 9)]
        for _ in range(2):
            session.file(uids[:2], unclear=False)
        assert len(session.fetch(0, 9)) == 3
    assert imap.flags() == [{rb"\Seen"}, {rb"\Seen"}, set()]


@pytest.mark.parametrize("lacking", [(), ("MOVE",), ("MOVE", "UIDPLUS")])
def test_read_mail_is_moved_to_a_folder_that_is_made(imap, lacking):
    imap.put(mail(1), mail(2), mail(3))
    with mailbox(imap, done="Greenroom done").session() as session:
        assert session.capabilities >= {"MOVE", "UIDPLUS"}
        session.capabilities -= set(lacking)
        uids = [each.uid for each in session.fetch(0, 9)]
        for _ in range(2):
            session.file(uids[:2], unclear=False)
    assert imap.flags('"Greenroom done"')[:2] == [set(), set()]
    marked = {rb"\Seen", rb"\Deleted"}  # a server without UIDPLUS leaves these to its owner's own program
    assert imap.flags() == ([marked, marked, set()] if "UIDPLUS" in lacking else [set()])


def test_over_tls_and_starttls_where_the_certificate_is_trusted(imap):
    imap.put(mail(1))
    for security, port in (("tls", imap.tls_port), ("starttls", imap.port)):
        with mailbox(imap, security=security, port=port, extra_ca=imap.authority).session() as session:
            assert len(session.fetch(0, 9)) == 1
        with pytest.raises(AdapterError) as fault, mailbox(imap, security=security, port=port).session():
            pass
        assert fault.value.code == "imap_tls_failed"


def test_a_certificate_that_ran_out_is_named(imap, tmp_path):
    context, authority = certificates.certificate(tmp_path, timedelta(days=-1))
    with servers.answering({}, context) as host:  # it gets no further than the certificate
        port = int(host.rpartition(":")[2])
        with (
            pytest.raises(AdapterError) as fault,
            mailbox(imap, security="tls", port=port, extra_ca=authority).session(),
        ):
            pass
    assert (fault.value.code, fault.value.permanent) == ("imap_tls_expired", False)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"password": "WRONG-SECRET"}, "imap_login_refused"),
        ({"folder": "Nowhere"}, "imap_no_folder"),
        ({"port": free_port()}, "imap_unreachable"),
    ],
)
def test_what_is_wrong_is_said_without_secrets(imap, wrong, code):
    with pytest.raises(AdapterError) as fault, mailbox(imap, **wrong).session():
        pass
    assert (fault.value.code, fault.value.permanent) == (code, False)
    assert "SECRET" not in f"{fault.value} {fault.value.params}"


def test_a_server_that_goes_away_is_a_fault_of_the_outside(imap):
    imap.put(mail(1))
    with mailbox(imap).session() as session:
        session._client.sock.shutdown(socket.SHUT_RDWR)
        calls = (lambda: session.fetch(0, 9), lambda: session.file([1], unclear=True), lambda: session.before(LONG_AGO))
        for call in calls:
            with pytest.raises(AdapterError):
                call()
