"""when a meeting was last moved, cancelled or given another place: what a feed dates its entry by"""

from alembic import op
import sqlalchemy as sa


revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('meetings', sa.Column('changed_at', sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    # Without writing the table anew: SQLite would miss the rows that refer to it.
    with op.batch_alter_table('meetings', recreate='never') as batch_op:
        batch_op.drop_column('changed_at')
