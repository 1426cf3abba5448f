"""which cards somebody has read, or was shown"""

from alembic import op
import sqlalchemy as sa


revision = '0032'
down_revision = '0031'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('people', sa.Column('primed_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('meetings', sa.Column('card', sa.String(length=16), nullable=True))


def downgrade() -> None:
    for table, column in (('meetings', 'card'), ('people', 'primed_at')):
        with op.batch_alter_table(table, recreate='never') as batch_op:
            batch_op.drop_column(column)
