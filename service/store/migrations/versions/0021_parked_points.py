"""points of an agenda that are put off until the next meeting"""

from alembic import op
import sqlalchemy as sa


revision = '0021'
down_revision = '0020'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('parked_points',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('pair_id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(length=40), nullable=True),
    sa.Column('text', sa.LargeBinary(), nullable=True),
    sa.Column('minutes', sa.Integer(), nullable=True),
    sa.Column('help', sa.String(length=20), nullable=True),
    sa.Column('hidden', sa.Boolean(), nullable=False),
    sa.Column('by_id', sa.Integer(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['by_id'], ['people.id'], name=op.f('fk_parked_points_by_id_people')),
    sa.ForeignKeyConstraint(['pair_id'], ['pairs.id'], name=op.f('fk_parked_points_pair_id_pairs')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_parked_points'))
    )
    op.create_index(op.f('ix_parked_points_pair_id'), 'parked_points', ['pair_id'], unique=False)


def downgrade() -> None:
    op.drop_table('parked_points')
