"""What the doctor finds, on real parts: a mail server, a broker, a feed; and what it says to do."""

import os
import re
import shutil
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from sqlalchemy import create_engine, select
from werkzeug.serving import make_server

from integrations.dns_records import DnsRecords
from service import doctor, setting_values, wiring
from service.operations import inbound
from service.setting_values import SmtpServer
from service.settings import Settings
from service.store import heartbeats, outbox
from service.store.tables import Connection, MailboxMark, OutboxRow, Person
from service.store.types import fingerprint
from service.web import create_app
from tests import cast, dns_server, smtp
from tests.fakes import Live, NobodyThere
from tests.test_doctor_sender import GOOD
from workers import inbox

FEED = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Test//EN\r\nEND:VCALENDAR\r\n"


@pytest.fixture
def bare(tmp_path):
    """A service of its own that has been migrated."""
    settings = Settings(data_dir=tmp_path / "data", secret_keys=("k" * 48,))
    wiring.migrate(settings)
    return settings


def found(settings, address=None):
    with dns_server.running(GOOD) as port:
        rows = doctor.check(settings, DnsRecords(["127.0.0.1"], port), address or NobodyThere())
    return {row.part: row for row in rows}


@contextmanager
def writing(settings):
    services = wiring.build(settings)
    with services.database.write() as session:
        yield session, wiring.utc_now()
    services.database.close()


def with_mail(settings, port):
    return replace(
        settings, smtp=SmtpServer("127.0.0.1", port, None, None, "none"), base_url_given="https://meet.example.org",
        trusted_proxies=1, mail_from="meet@meet.example.org", dkim_selector="mail2027",
    )  # fmt: skip


@contextmanager
def nobodys_to_read(folder):
    """This process may not look into the folder: root becomes another user for a while, anybody else takes the right
    away."""
    if os.geteuid() == 0:
        os.seteuid(65534)
        yield
        os.seteuid(0)
    else:
        folder.chmod(0)
        yield
        folder.chmod(0o700)


def test_another_user_than_the_services_is_told_so(bare):
    with nobodys_to_read(bare.data_dir):
        rows = doctor.check(bare)
    assert [(row.part, row.state) for row in rows] == [("disk", "broken")]
    assert str(bare.data_dir) in rows[0].advice
    assert "may not be read by this user" in rows[0].advice


@pytest.mark.parametrize(
    ("megabytes", "state", "words"),
    [
        (0, "broken", "Make room there"),
        (15, "broken", "16 are needed to write"),
        (16, "look", "before it is full"),
        (500, "well", "500 MB are free"),
    ],
)
def test_a_disk_without_room_to_write_is_broken_and_one_that_fills_is_told(bare, monkeypatch, megabytes, state, words):
    usage = shutil.disk_usage(bare.data_dir)._replace(free=megabytes * 1024**2)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage)
    row = found(bare)["disk"]
    assert row.state == state
    assert words in row.advice


def test_before_the_first_run_nothing_is_made(tmp_path):
    [row] = doctor.check(Settings(data_dir=tmp_path / "data"))
    assert (row.part, row.state) == ("database", "off")
    assert "greenroom up" in row.advice
    assert not (tmp_path / "data").exists()


def test_all_is_well(bare, valkey):
    with smtp.running() as (sink, port):
        settings = with_mail(replace(bare, redis_url=valkey), port)
        services = wiring.build(settings)
        for part in ("clock", "worker"):
            heartbeats.beat(services.database, part, part, wiring.utc_now())
        services.database.close()
        rows = found(settings, Live())
    assert rows.pop("mailbox").state == "off"
    assert {row.state for row in rows.values()} == {"well"}, rows
    assert list(rows) == [
        "address", "proxies", "disk", "database", "keys", "clock", "worker", "time", "outbox", "entries", "broker",
        "mail",
        "spf", "dkim", "dmarc",
    ]  # fmt: skip
    assert rows["database"].advice.startswith("SQLite 3.")
    assert sink.taken == []


def test_links_that_nobody_can_follow(bare):
    with smtp.running() as (_, port):
        row = found(replace(with_mail(bare, port), base_url_given=None))["address"]
    assert row.state == "broken"
    assert "GREENROOM_BASE_URL" in row.advice


def test_what_answers_at_the_address(bare):
    with smtp.running() as (_, port):
        settings = with_mail(bare, port)
        silent, stranger = found(settings)["address"], found(settings, Live(ours=False))["address"]
    assert (silent.state, stranger.state) == ("look", "look")
    assert "meet.example.org does not let us connect" in silent.advice
    assert "Something else than Greenroom" in stranger.advice
    assert found(bare)["address"].state == "off"


def test_the_address_is_really_asked(bare, services):
    server = make_server("127.0.0.1", 0, create_app(services), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        rows = {row.part: row for row in doctor.check(replace(bare, port=server.server_port))}
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert (rows["address"].state, rows["time"].state) == ("well", "well")
    with feed() as port:
        assert found(bare, wiring.own_address(replace(bare, port=port)))["address"].state == "look", "a feed is not us"


@pytest.mark.parametrize(
    ("url", "proxies", "state"), [("https://m.example.org", 0, "look"), ("http://127.0.0.1:1", 1, "look")]
)
def test_proxies_that_do_not_fit_the_address(bare, url, proxies, state):
    row = found(replace(bare, base_url_given=url, trusted_proxies=proxies))["proxies"]
    assert row.state == state
    assert "GREENROOM_TRUSTED_PROXIES" in row.advice


def test_a_mail_server_and_a_broker_that_are_away(bare, tmp_path):
    settings = replace(with_mail(bare, smtp.free_port()), redis_url=f"unix://{tmp_path}/nobody")
    rows = found(settings)
    assert rows["mail"].state == rows["broker"].state == "broken"
    assert "GREENROOM_SMTP_URL" in rows["mail"].advice
    assert "GREENROOM_REDIS_URL" in rows["broker"].advice


def test_the_mailbox_that_answers_arrive_in(bare, imap):
    settings = replace(bare, imap=setting_values.imap_url(imap.url))
    assert "nothing has been read yet" in found(settings)["mailbox"].advice
    services = wiring.build(settings)
    inbox.poll(services, "one")
    services.database.close()
    assert found(settings)["mailbox"].state == "well"
    with services.database.write() as session:
        session.scalars(select(MailboxMark)).one().read_at -= timedelta(hours=1)
    services.database.close()
    assert found(settings)["mailbox"].state == "look"
    wrong = replace(settings, imap=replace(settings.imap, password="WRONG"))
    assert found(wrong)["mailbox"].state == "broken"
    assert "GREENROOM_IMAP_URL" in found(wrong)["mailbox"].advice


def test_a_mailbox_that_is_pushed(bare):
    settings = replace(bare, mail_hook_secret="s" * 32)
    assert found(settings)["mailbox"].state == "look"
    with writing(settings) as (session, now):
        inbound.receive(session, now, b"Message-ID: <1@example.org>")
    assert found(settings)["mailbox"].state == "well"


def test_addresses_that_send_mail_back_are_named(bare):
    assert "addresses" not in found(bare)
    with writing(bare) as (session, now):
        cast.person(session, now, "ben").refused_at = now
    row = found(bare)["addresses"]
    assert (row.state, "ben@example.org" in row.advice) == ("look", True)


def test_of_many_addresses_that_send_mail_back_all_are_counted_and_some_named(bare):
    with writing(bare) as (session, now):
        session.add_all(
            Person(email=f"{n}@example.org", name="N", zone="UTC", locale="en", mails="all", created_at=now,
                   refused_at=now + timedelta(seconds=n))
            for n in range(60)
        )  # fmt: skip
    said = found(bare)["addresses"].advice
    assert "60 addresses" in said
    assert "0@example.org, 1@example.org, 2@example.org, 3@example.org, 4@example.org and 55 more." in said


def test_a_database_behind_this_version(bare):
    (bare.data_dir / "greenroom.db").unlink()
    (bare.data_dir / "greenroom.db").touch()
    rows = found(bare)
    assert rows["database"].state == "broken"
    assert "greenroom migrate" in rows["database"].advice
    assert "keys" not in rows, "what needs the database is left out"


def test_a_key_that_is_missing_is_named(bare):
    with writing(bare) as (session, now):
        cast.pair(session, now, place="the blue room")
    row = found(replace(bare, secret_keys=("n" * 48,)))["keys"]
    assert row.state == "broken"
    assert re.search(r"\b[0-9a-f]{8}\b", row.advice)
    assert found(replace(bare, secret_keys=("n" * 48, "k" * 48)))["keys"].state == "well"
    gone = replace(bare, secret_keys=())
    assert found(gone)["keys"].state == "broken", "the folder's own key file is gone"


def test_a_value_that_was_changed_by_something_else_is_told(bare):
    with writing(bare) as (session, now):
        made = cast.pair(session, now, place="the blue room")
        session.flush()
        sealed = session.connection().exec_driver_sql("SELECT place FROM pairs").scalar_one()
        session.connection().exec_driver_sql("UPDATE pairs SET place = ?", (sealed[:-1] + b"?",))
        session.expire(made)
    row = found(bare)["keys"]
    assert row.state == "broken"
    assert "pairs.place" in row.advice


def test_one_part_silent_while_others_live(bare):
    services = wiring.build(bare)
    heartbeats.beat(services.database, "clock-1", "clock", wiring.utc_now())
    services.database.close()
    rows = found(bare)
    assert (rows["clock"].state, rows["worker"].state) == ("well", "broken")


def test_mail_that_needs_somebody(bare):
    with writing(bare) as (session, now):
        ana = cast.person(session, now, "ana")
        for number, state in enumerate(("uncertain", "dead", "dead", "pending")):
            outbox.add(session, now - timedelta(minutes=7), "links", ana.id, dedup=f"k{number}")
            session.query(OutboxRow).filter_by(dedup_key=f"k{number}").one().state = state
    row = found(bare)["outbox"]
    assert row.state == "look"
    assert "waited 7 minutes" in row.advice
    assert "One mail may have arrived" in row.advice
    assert "2 mails were refused" in row.advice


def test_a_clock_that_was_set_back(bare):
    with writing(bare) as (session, now):
        outbox.add(session, now + timedelta(hours=3), "links", cast.person(session, now, "ana").id, dedup="k")
    row = found(bare)["time"]
    assert row.state == "broken"
    assert re.search(r"1(79|80) minutes behind", row.advice)


@pytest.mark.parametrize(("ahead", "word"), [(40, "behind"), (-40, "ahead")])
def test_a_clock_that_is_off_beside_an_answer(bare, ahead, word):
    row = found(bare, Live(ahead=timedelta(seconds=ahead)))["time"]
    assert row.state == "broken"
    assert re.search(rf"(39|40|41) seconds {word} (of )?the web server's", row.advice)


def test_a_postgresql_of_ones_own(bare, postgres_url):
    rows = found(replace(bare, database_url=postgres_url))
    assert re.match(r"PostgreSQL \d+\.\d", rows["database"].advice)
    assert rows["time"].state == "well", "its clock is this machine's"


def test_a_clock_that_is_off_beside_the_databases(bare, postgres_url):
    """A database server whose clock is five minutes ahead: as far as anybody who asks it can tell."""
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz "
            "RETURN pg_catalog.clock_timestamp() + interval '5 minutes'"
        )
        name = connection.exec_driver_sql("SELECT current_database()").scalar_one()
        connection.exec_driver_sql(f'ALTER DATABASE "{name}" SET search_path = public, pg_catalog')
    engine.dispose()
    row = found(replace(bare, database_url=postgres_url))["time"]
    assert row.state == "broken"
    assert re.search(r"(299|300|301) seconds behind the database's", row.advice)


def test_beyond_fifty_calendars_the_rest_is_told_as_workers_found_it(bare, monkeypatch):
    monkeypatch.setattr("service.doctor.outside.MOST_READ", 2)
    with writing(bare) as (session, now):
        ben = cast.person(session, now, "ben")
        for state in ("off", "off", "stale", "off", "reconnect", "partial"):
            cast.broken_calendar(session, now, ben.id).state = state
            session.flush()
    rows = found(bare)
    assert len([part for part in rows if part.startswith("calendar ")]) == 2
    assert rows["calendars"].state == "look"
    assert rows["calendars"].advice.startswith("4 more were not read now; of them 1 ")


@contextmanager
def feed():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/calendar")
            self.send_header("Content-Length", str(len(FEED)))
            self.end_headers()
            self.wfile.write(FEED)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_every_calendar_is_really_read(bare):
    with feed() as port:
        with writing(bare) as (session, now):
            for url, state in ((f"http://127.0.0.1:{port}/a.ics", "connected"), ("http://10.0.0.1/", "off")):
                made = cast.broken_calendar(session, now, cast.person(session, now, "ben").id)
                made.url, made.state = url, state
                made.calendars[0].key_hash = fingerprint(url)
            ids = [str(each.id) for each in session.query(Connection).order_by(Connection.id)]
        allowed = found(replace(bare, outbound_allow=frozenset({f"127.0.0.1:{port}"})))
        guarded = found(bare)
    assert [allowed[f"calendar {each}"].state for each in ids] == ["well", "off"]
    refused = guarded[f"calendar {ids[0]}"]
    assert refused.state == "broken"
    assert refused.advice.startswith("ben@example.org: ")
