"""what was said before somebody is shadowed, and one entry for each date in people's calendars"""

from alembic import op
import sqlalchemy as sa


revision = '0029'
down_revision = '0028'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('meetings', sa.Column('shadow', sa.LargeBinary(), nullable=True))
    op.add_column('critical_dates', sa.Column('uid', sa.String(length=36), nullable=True))


def downgrade() -> None:
    for table, column in (('critical_dates', 'uid'), ('meetings', 'shadow')):
        with op.batch_alter_table(table, recreate='never') as batch_op:
            batch_op.drop_column(column)
