"""who looked at a pair without being of it"""

from alembic import op
import sqlalchemy as sa


revision = '0024'
down_revision = '0023'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('looks',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('pair_id', sa.Integer(), nullable=False),
    sa.Column('role', sa.String(length=12), nullable=False),
    sa.Column('what', sa.String(length=8), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['pair_id'], ['pairs.id'], name=op.f('fk_looks_pair_id_pairs')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_looks'))
    )
    op.create_index(op.f('ix_looks_pair_id'), 'looks', ['pair_id'], unique=False)


def downgrade() -> None:
    op.drop_table('looks')
