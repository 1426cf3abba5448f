"""text of a pair sealed with a key of that pair; needs the keys that its text was sealed with, both ways"""

from collections.abc import Callable

from alembic import op
import sqlalchemy as sa

from service.store.pair_text import new_key, seal, unseal, with_key
from service.store.types import keyring_of


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
    ring = keyring_of(op.get_bind().dialect)
    keys: dict[int, bytes] = {}

    def sealed_anew(value: bytes, bound_to: bytes, pair: int) -> bytes:
        if pair not in keys:
            keys[pair] = new_key()
            kept = ring.seal(keys[pair], b'pair_keys.key')
            op.get_bind().execute(PAIR_KEYS.insert(), {'pair_id': pair, 'key': kept})
        return seal(with_key(ring.open(value, bound_to).decode(), keys[pair]), bound_to, ring)

    _each(sealed_anew)


def downgrade() -> None:
    ring = keyring_of(op.get_bind().dialect)
    _each(lambda value, bound_to, _pair: ring.seal(unseal(value, bound_to, ring).encode(), bound_to))
    op.drop_table('pair_keys')


PAIR_KEYS = sa.table('pair_keys', sa.column('pair_id', sa.Integer), sa.column('key', sa.LargeBinary))


def _bound_to(column: str) -> bytes:
    return MOVED_FROM.get(column, column).encode()


def _each(anew: Callable[[bytes, bytes, int], bytes]) -> None:
    """Raises KeyMissing, and so changes nothing, where a value's key is not here."""
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
                found = {one: bytes(row[one]) for one in columns if row[one] is not None}
                fresh = {one: anew(value, _bound_to(f'{name}.{one}'), row['of_pair']) for one, value in found.items()}
                if fresh:
                    this = [table.c[key] == row[key] for key in keys]
                    bind.execute(table.update().where(*this).values(fresh))
