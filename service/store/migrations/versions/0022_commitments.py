"""what kind of thing was agreed, whether its date follows the meeting, and why it was renegotiated"""

from typing import Any

from alembic import op
import sqlalchemy as sa


revision = '0022'
down_revision = '0021'
branch_labels = None
depends_on = None
COLUMNS: tuple[sa.Column[Any], ...] = (
    sa.Column('kind', sa.String(length=8), nullable=False, server_default='do'),
    sa.Column('must', sa.Boolean(), nullable=False, server_default=sa.true()),
    sa.Column('begins_on', sa.Date(), nullable=True),
    sa.Column('pinned', sa.Boolean(), nullable=False, server_default=sa.false()),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('reason', sa.String(length=10), nullable=True),
    sa.Column('took', sa.LargeBinary(), nullable=True),
    sa.Column('uid', sa.String(length=36), nullable=True),
)


def upgrade() -> None:
    for column in COLUMNS:
        op.add_column('commitments', column)
    op.execute('UPDATE commitments SET pinned = true WHERE due_on IS NOT NULL')  # somebody chose that day


def downgrade() -> None:
    with op.batch_alter_table('commitments', recreate='never') as batch_op:
        for column in reversed(COLUMNS):
            batch_op.drop_column(column.name)
