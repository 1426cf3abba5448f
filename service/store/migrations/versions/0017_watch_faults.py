"""why a calendar is not watched"""

import sqlalchemy as sa
from alembic import op


revision = '0017'
down_revision = '0016'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('calendars', sa.Column('watch_fault', sa.String(length=40), nullable=True))


def downgrade() -> None:
    op.drop_column('calendars', 'watch_fault')
