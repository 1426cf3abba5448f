"""Who is read next: in turn for hosts and people, never more at once, never before a host's time."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.turns import LONGEST_HOLD, Waiting, first_look, hold_until, host_of, next_reads, spread

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
POLL, SECOND = timedelta(minutes=5), timedelta(seconds=1)


def waiting(*rows):
    """(connection, person, host, seconds since it was due)"""
    return [Waiting(number, person, host, NOW - ago * SECOND) for number, person, host, ago in rows]


def test_each_hosts_first_comes_before_any_hosts_second():
    rows = [(number, number, "big", 100) for number in range(1, 9)] + [(9, 9, "small", 1), (10, 10, "tiny", 2)]
    assert next_reads(NOW, waiting(*rows), {}, {}, per_host=4, free=4) == [1, 10, 9, 2]
    assert next_reads(NOW, waiting(*rows), {}, {}, per_host=4, free=99) == [1, 10, 9, 2, 3, 4]


def test_a_persons_second_lets_others_pass_but_not_for_ever():
    rows = [(number, 1, f"h{number}", 9) for number in range(1, 6)] + [(6, 2, "x", 8), (7, 3, "y", 4)]
    assert next_reads(NOW, waiting(*rows), {}, {}, per_host=4, free=9) == [1, 6, 2, 3, 7, 4, 5]


def test_what_is_being_read_counts():
    rows = [(1, 1, "a", 9), (2, 2, "a", 8), (3, 3, "b", 1)]
    assert next_reads(NOW, waiting(*rows), {"a": 3}, {}, per_host=4, free=9) == [3, 1]
    assert next_reads(NOW, waiting(*rows), {"a": 4}, {}, per_host=4, free=9) == [3]
    assert next_reads(NOW, waiting(*rows), {}, {}, per_host=4, free=-1) == []


def test_a_host_that_asked_for_it_is_left_alone_until_then():
    rows = waiting((1, 1, "a", 9), (2, 2, "b", 8))
    held = {"a": hold_until(NOW, 10 * SECOND)}
    assert next_reads(NOW, rows, {}, held, per_host=4, free=9) == [2]
    assert next_reads(NOW + 9 * SECOND, rows, {}, held, per_host=4, free=9) == [2]
    assert next_reads(NOW + 10 * SECOND, rows, {}, held, per_host=4, free=9) == [1, 2]


def test_a_hold_lasts_a_day_at_most_and_a_clock_set_back_forgets_it():
    assert hold_until(NOW, timedelta(days=30)) == NOW + LONGEST_HOLD
    ahead = {"a": NOW + timedelta(days=3)}
    assert next_reads(NOW, waiting((1, 1, "a", 9)), {}, ahead, per_host=1, free=1) == [1]


@given(
    rows=st.lists(st.tuples(st.integers(1, 5), st.sampled_from("abcd"), st.integers(0, 99)), max_size=40),
    reading=st.dictionaries(st.sampled_from("abcd"), st.integers(0, 5)),
    per_host=st.integers(1, 4),
    free=st.integers(0, 12),
)
def test_seats_are_kept_and_none_that_could_be_used_stays_empty(rows, reading, per_host, free):
    due = waiting(*((number, *row) for number, row in enumerate(rows)))
    chosen = next_reads(NOW, due, reading, {}, per_host, free)
    hosts = {each.connection_id: each.host for each in due}
    assert len(set(chosen)) == len(chosen)
    taken = Counter(hosts[each] for each in chosen)
    room = {host: max(0, per_host - reading.get(host, 0)) for host in "abcd"}
    assert all(taken[host] <= room[host] for host in "abcd")
    assert len(chosen) == min(free, sum(min(room[host], list(hosts.values()).count(host)) for host in "abcd"))


@pytest.mark.parametrize("look", [first_look, spread])
def test_what_was_connected_together_is_spread(look):
    looks = [look(connection_id, POLL) for connection_id in range(1, 4001)]
    assert all(timedelta(0) < each <= POLL for each in looks)
    by_second = Counter(int(each.total_seconds()) for each in looks)
    width = 300 if look is first_look else 30
    assert max(by_second.values()) <= 4000 / width * 1.2


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Cal.Example.org:8443/you.ics?key=1", "cal.example.org"),
        ("webcal://cal.example.org/x", "cal.example.org"),
        ("https://ben:pass@cal.example.org/", "cal.example.org"),
        ("ana@example.org", "example.org"),
        (" cal.example.org/dav ", "cal.example.org"),
        ("https://[::1", ""),
        ("", ""),
    ],
)
def test_the_host_of_what_people_write(url, host):
    assert host_of(url) == host
