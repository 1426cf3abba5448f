"""since when a person's address sends our mails back"""

from alembic import op
import sqlalchemy as sa


revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('people', sa.Column('refused_at', sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    # Without writing the table anew: SQLite would miss the rows that refer to it.
    with op.batch_alter_table('people', recreate='never') as batch_op:
        batch_op.drop_column('refused_at')
