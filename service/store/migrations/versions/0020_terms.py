"""what a pair signed, as far as it makes us do something"""

from alembic import op
import sqlalchemy as sa


revision = '0020'
down_revision = '0019'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('pairs', sa.Column('terms', sa.JSON(), nullable=True))


def downgrade() -> None:
    # Without writing the table anew: SQLite would miss the rows that refer to it.
    with op.batch_alter_table('pairs', recreate='never') as batch_op:
        batch_op.drop_column('terms')
