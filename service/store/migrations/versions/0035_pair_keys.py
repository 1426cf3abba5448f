"""text of a pair sealed with a key of that pair"""

from collections.abc import Callable
from contextlib import suppress

from alembic import op
import sqlalchemy as sa

from service.store.pair_text import new_key, seal, unseal, with_key
from service.store.types import KeyMissing, keyring_of


revision = '0035'
down_revision = '0034'
branch_labels = None
depends_on = None

OF_MEETING = 'SELECT pair_id FROM meetings WHERE id = t.meeting_id'
OF_AGREEMENT = 'SELECT pair_id FROM agreements WHERE id = t.agreement_id'
# table, its primary key, its sealed columns, and what a row says of its pair
TEXTS = (
    ('pairs', ('id',), ('place',), 't.id'),
    ('agreements', ('id',), ('terms', 'text', 'document'), 't.pair_id'),
    ('agreement_answers', ('agreement_id', 'person_id'), ('answers',), OF_AGREEMENT),
    ('critical_dates', ('id',), ('label', 'shared_label'), 't.pair_id'),
    ('goals', ('id',), ('text', 'worked_when'), 't.pair_id'),
    ('suggestions', ('id',), ('text', 'adapted'), 't.pair_id'),
    ('what_matters', ('pair_id',), ('text',), 't.pair_id'),
    ('meetings', ('id',), ('place', 'ask', 'shadow', 'reason'), 't.pair_id'),
    ('agenda_items', ('id',), ('text',), OF_MEETING),
    ('parked_points', ('id',), ('text',), 't.pair_id'),
    ('commitments', ('id',), ('text', 'note', 'took'), 't.pair_id'),
    ('reflections', ('meeting_id', 'person_id'), ('text',), OF_MEETING),
    ('notes', ('id',), ('text', 'alike', 'unlike', 'trying'), 't.pair_id'),
    ('questions', ('id',), ('text', 'answer'), 't.pair_id'),
    ('debriefs', ('meeting_id', 'person_id'), ('text',), OF_MEETING),
    ('proposals', ('meeting_id', 'person_id'), ('comment',), OF_MEETING),
    ('pulses', ('pair_id', 'person_id'), ('more', 'less', 'keep'), 't.pair_id'),
    ('time_proposals', ('id',), ('comment',), 't.pair_id'),
)
MOVED_FROM = {'time_proposals.comment': 'proposals.comment'}  # its values came from there, sealed
AT_ONCE = 2000  # rows in memory


def upgrade() -> None:
    op.create_table(
        'pair_keys',
        sa.Column('pair_id', sa.Integer(), nullable=False),
        sa.Column('key', sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(['pair_id'], ['pairs.id'], name=op.f('fk_pair_keys_pair_id_pairs')),
        sa.PrimaryKeyConstraint('pair_id', name=op.f('pk_pair_keys')),
    )
    bind = op.get_bind()
    ring = keyring_of(bind.dialect)
    keys = {pair: new_key() for pair in bind.scalars(sa.text('SELECT id FROM pairs ORDER BY id'))}
    kept = [{'pair_id': pair, 'key': ring.seal(key, b'pair_keys.key')} for pair, key in keys.items()]
    if kept:
        bind.execute(PAIR_KEYS.insert(), kept)
    _each(lambda value, bound_to, pair: seal(with_key(ring.open(value, bound_to).decode(), keys[pair]), bound_to, ring))


def downgrade() -> None:
    ring = keyring_of(op.get_bind().dialect)
    _each(lambda value, bound_to, _pair: ring.seal(unseal(value, bound_to, ring).encode(), bound_to))
    op.drop_table('pair_keys')


PAIR_KEYS = sa.table('pair_keys', sa.column('pair_id', sa.Integer), sa.column('key', sa.LargeBinary))


def _bound_to(column: str) -> bytes:
    return MOVED_FROM.get(column, column).encode()


def _each(anew: Callable[[bytes, bytes, int], bytes]) -> None:
    """A value whose key is not here stays as it is: it is read once the key is back."""
    bind = op.get_bind()
    for name, keys, columns, pair in TEXTS:
        table = sa.table(name, *map(sa.column, keys), *(sa.column(one, sa.LargeBinary) for one in columns))
        wanted = ', '.join(f't.{one}' for one in (*keys, *columns))
        page = sa.text(
            f'SELECT ({pair}) AS of_pair, {wanted} FROM {name} t'
            f' ORDER BY {", ".join("t." + key for key in keys)} LIMIT {AT_ONCE} OFFSET :before'
        )
        before = 0
        while rows := bind.execute(page, {'before': before}).mappings().all():
            before += len(rows)
            for row in rows:
                fresh = {}
                for one in columns:
                    with suppress(KeyMissing):
                        if row[one] is not None:
                            fresh[one] = anew(bytes(row[one]), _bound_to(f'{name}.{one}'), row['of_pair'])
                if fresh:
                    this = [table.c[key] == row[key] for key in keys]
                    bind.execute(table.update().where(*this).values(fresh))
