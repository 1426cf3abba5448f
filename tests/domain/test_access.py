"""The table of who may read, write or count what: whole, and as it was decided."""

import pytest

from service.domain.access import CELLS, COLUMNS, TABLES, Action, Role, Thing, When, check, may, role_of, thing_of
from service.domain.errors import NotAllowed, NotFound
from service.store.sealed_columns import sealed_columns
from service.store.tables import Base

ALL = tuple(When)


def test_every_table_has_a_row_and_every_column_that_it_names_is_there():
    tables = Base.metadata.tables
    assert sorted(TABLES) == sorted(tables), "a new table needs a row in service/domain/access.py"
    for name, kept in TABLES.items():
        named = {column for column, _ in kept.but} | ({kept.whose} - {None})
        assert named <= set(tables[name].columns.keys()), name


def test_every_thing_is_kept_somewhere_and_has_a_cell_for_everybody():
    kept = {thing_of(name, column.name) for name, table in Base.metadata.tables.items() for column in table.columns}
    assert kept == set(Thing) - {Thing.ENDING}  # what may be done, and no row of its own
    assert set(CELLS) == {(role, thing) for role in COLUMNS for thing in Thing}


def test_what_is_sealed_is_not_for_whoever_runs_it():
    sealed = {
        thing_of(name, column.name)
        for name, table in Base.metadata.tables.items()
        for column in sealed_columns(table)
    }  # fmt: skip
    readable = {thing for thing in sealed if may(Role.OPERATOR, thing, Action.READ, *ALL)}
    assert readable == {Thing.USUAL_PLACE, Thing.SENDER}


@pytest.mark.parametrize("thing", Thing)
@pytest.mark.parametrize("action", Action)
def test_a_stranger_may_nothing(thing, action):
    assert not may(Role.STRANGER, thing, action, *ALL)
    with pytest.raises(NotFound):
        check(Role.STRANGER, thing, action, *ALL)


def test_a_coordinator_reads_nothing_that_the_two_say():
    read = {thing for thing in Thing if may(Role.COORDINATOR, thing, Action.READ)}
    assert read == {Thing.PERSON, Thing.PAIR, Thing.USUAL_PLACE, Thing.PROGRAMME, Thing.HELP}
    assert may(Role.COORDINATOR, Thing.AGREEMENT, Action.READ, When.TICKED)
    assert may(Role.COORDINATOR, Thing.MEETING, Action.COUNT)


def test_what_may_be_read_may_be_counted_and_what_is_not_so_is_refused():
    assert not may(Role.OTHER, Thing.DATE, Action.READ)
    assert may(Role.OTHER, Thing.DATE, Action.READ, When.SHARED)
    assert may(Role.OTHER, Thing.DATE, Action.COUNT, When.SHARED)
    assert not may(Role.OTHER, Thing.DATE, Action.COUNT), "not even that it is there"
    with pytest.raises(NotAllowed):
        check(Role.OTHER, Thing.DATE, Action.WRITE, When.SHARED)
    with pytest.raises(NotFound):
        check(Role.OTHER, Thing.PRIVATE_LABEL, Action.WRITE, When.SHARED)


@pytest.mark.parametrize(
    ("asking", "author", "role"),
    [(1, 1, Role.AUTHOR), (2, 1, Role.OTHER), (2, None, Role.AUTHOR), (3, 1, Role.STRANGER), (3, None, Role.STRANGER)],
)
def test_a_role_is_seen_from_what_somebody_wrote(asking, author, role):
    assert role_of(asking, author, (1, 2)) is role
