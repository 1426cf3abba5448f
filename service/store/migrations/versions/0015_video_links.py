"""a meeting's event may get a link to a video meeting from its calendar"""

import sqlalchemy as sa
from alembic import op


revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('calendars', sa.Column('video', sa.String(length=8), nullable=True))
    op.add_column('calendar_writes', sa.Column('video', sa.String(length=8), nullable=True))


def downgrade() -> None:
    op.drop_column('calendar_writes', 'video')
    op.drop_column('calendars', 'video')
