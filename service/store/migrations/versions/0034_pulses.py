"""what each of two people would have more of, less of, and keep"""

from alembic import op
import sqlalchemy as sa


revision = '0034'
down_revision = '0033'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('pulses',
    sa.Column('pair_id', sa.Integer(), nullable=False),
    sa.Column('person_id', sa.Integer(), nullable=False),
    sa.Column('more', sa.LargeBinary(), nullable=True),
    sa.Column('less', sa.LargeBinary(), nullable=True),
    sa.Column('keep', sa.LargeBinary(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['pair_id'], ['pairs.id'], name=op.f('fk_pulses_pair_id_pairs')),
    sa.ForeignKeyConstraint(['person_id'], ['people.id'], name=op.f('fk_pulses_person_id_people')),
    sa.PrimaryKeyConstraint('pair_id', 'person_id', name=op.f('pk_pulses'))
    )


def downgrade() -> None:
    op.drop_table('pulses')
