"""what was prepared for a meeting"""

from alembic import op
import sqlalchemy as sa


revision = '0023'
down_revision = '0022'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('preparations',
    sa.Column('meeting_id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(length=24), nullable=False),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['meeting_id'], ['meetings.id'], name=op.f('fk_preparations_meeting_id_meetings')),
    sa.PrimaryKeyConstraint('meeting_id', 'key', name=op.f('pk_preparations'))
    )


def downgrade() -> None:
    op.drop_table('preparations')
