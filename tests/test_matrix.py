"""Every cell of service.domain.access, from outside: a pair that has lived here, a different secret in everything that
anybody typed, and every way out looked through for them."""

from __future__ import annotations

import logging

import pytest

from service.domain.access import Action, Role, Thing, may
from service.store.tables import Pair
from service.web.api.frame import CALLS
from tests.machines import a_broker
from tests.walked import Heard, services_in, walked

PERSON_CHANNELS = ("page", "api", "mail", "export", "feed", "download")
IN_CALENDARS = ("feed", "download", "mail.ics", "entry")
OF_THE_SERVICE = ("cli", "operator page", "metrics", "log", "redis", "health")
NEVER = ("subject", "header", "address", "error page", "stranger's call", "log", "redis", "metrics", "health")
# What its owner may read and no way out says word for word, and why.
UNSAID = {
    Thing.MAIL: "it went out as it was and is not shown again",
    Thing.ANSWER_MAIL: "it came from its author, who has it",
    Thing.CONNECTION: "its owner is shown names of calendars; the rest tells us where they are",
    "agreements.text": "once it is signed it is shown as the document",
    "proposals.comment": "of an earlier version, which moved it",
    Thing.LINK: "a token is the address of its own page",
}


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """One pair, walked once by everybody."""
    folder = tmp_path_factory.mktemp("lived")
    with a_broker(tmp_path_factory.mktemp("valkey")) as url:
        services = services_in(folder, url)
        heard = Heard()
        logging.getLogger().addHandler(heard)
        try:
            found = walked(services, folder, url)
        finally:
            logging.getLogger().removeHandler(heard)
        found.add("log", "operator", "\n".join(heard.lines))
        yield found
        services.database.close()


@pytest.mark.parametrize("thing", Thing)
@pytest.mark.parametrize("reader", ["ana", "ben"])
def test_e39_a_person_reads_what_the_table_says_and_nothing_else(seen, reader, thing):
    with seen.services.database.read() as session:
        pair = session.get_one(Pair, seen.pair_id)
        of_it = [secret for secret in seen.secrets if secret.thing is thing]
        roles = {secret: secret.role_of(seen.ids[reader], pair) for secret in of_it}
    said = {channel: seen.said(channel, reader) for channel in PERSON_CHANNELS}
    anywhere = set().union(*said.values())
    closed = [secret for secret in of_it if not secret.open_to(roles[secret])]
    wrong = [(channel, each) for each in closed for channel, found in said.items() if each.text in found]
    assert wrong == [], "somebody reads what the table keeps from them"
    if thing not in UNSAID:
        open_ = [secret for secret in of_it if secret.open_to(roles[secret]) and secret.column not in UNSAID]
        told = {secret.column for secret in open_ if secret.text in anywhere}
        assert {secret.column for secret in open_} == told, (
            "they may read it, and no page, call, mail or export says it"
        )


@pytest.mark.parametrize("reader", ["ana", "ben"])
def test_a_journal_holds_all_that_its_owner_may_read(seen, reader):
    with seen.services.database.read() as session:
        pair = session.get_one(Pair, seen.pair_id)
        mine = {each for each in seen.secrets if each.open_to(each.role_of(seen.ids[reader], pair))}
    kept = {each for each in mine if each.thing not in UNSAID and each.column not in UNSAID}
    said = seen.said("export", reader)
    assert sorted(each.column for each in kept if each.text not in said) == []


@pytest.mark.parametrize("channel", IN_CALENDARS)
def test_e39_a_calendar_shows_a_colleague_what_its_level_allows(seen, channel):
    told = seen.said(channel, "ana") | seen.said(channel, "ben")
    assert [secret for secret in seen.secrets if secret.text in told and not secret.open_to(Role.CALENDAR)] == []
    agenda = {secret.text for secret in seen.secrets if secret.thing is Thing.AGENDA and secret.open_to(Role.CALENDAR)}
    assert bool(told & agenda) == (channel != "entry")


def test_e39_a_coordinator_reads_nothing_that_the_two_say(seen):
    told = {channel: seen.said(channel, "coordinator") for channel in ("api", "programme page")}
    things = {channel: {secret.thing for secret in seen.secrets if secret.text in told[channel]} for channel in told}
    assert things == {"api": {Thing.USUAL_PLACE, Thing.HELP}, "programme page": {Thing.HELP}}


@pytest.mark.parametrize("channel", OF_THE_SERVICE)
def test_e39_whoever_runs_it_reads_nothing_that_the_two_say(seen, channel):
    told = seen.said(channel, "operator")
    assert seen.texts[channel, "operator"]
    assert [secret for secret in seen.secrets if secret.text in told and not secret.open_to(Role.OPERATOR)] == []


@pytest.mark.parametrize("channel", NEVER)
def test_in_no_subject_header_address_error_log_figure_or_queue_is_a_word_that_somebody_typed(seen, channel):
    texts = [(reader, text) for (where, reader), told in seen.texts.items() if where == channel for text in told]
    assert texts
    assert [(reader, secret) for secret in seen.secrets for reader, text in texts if secret.text in text] == []


@pytest.mark.parametrize("thing", Thing)
def test_e39_the_other_writes_what_the_table_says_and_nothing_else(seen, thing):
    with seen.services.database.read() as session:
        pair = session.get_one(Pair, seen.pair_id)
    lost = [secret for secret in seen.lost["ben"] if secret.thing is thing]
    wrong = [each for each in lost if not each.open_to(each.role_of(seen.ids["ben"], pair), Action.WRITE)]
    assert wrong == [], "the other one wrote over what is not theirs"


def test_they_did_write_where_they_may(seen):
    assert {Thing.COMMITMENT, Thing.PRIVATE} <= {secret.thing for secret in seen.lost["ben"]}


@pytest.mark.parametrize("call", [each for each in CALLS if each.method != "GET"], ids=lambda each: each.path)
def test_e39_a_call_that_writes_is_for_whom_the_table_says(seen, call):
    name = f"{call.method} {call.path}"
    if not may(Role.COORDINATOR, call.about, Action.WRITE):
        assert seen.statuses["coordinator"][name] == 403
    if "<int:" in call.path and not call.path.startswith("/me"):  # about one pair, and not theirs
        assert seen.statuses["dan"][name] in {403, 404}
    if not any(may(role, call.about, Action.WRITE) for role in (Role.AUTHOR, Role.OTHER)):
        assert seen.statuses["ben"][name] == 403
    if call.about is Thing.DATE:
        assert seen.statuses["ben"][name] == 404, "dates are the mentee's"


@pytest.mark.parametrize("caller", ["coordinator", "dan"])
def test_e39_whoever_is_not_of_the_pair_writes_nothing_in_it(seen, caller):
    assert seen.lost[caller] == set()
