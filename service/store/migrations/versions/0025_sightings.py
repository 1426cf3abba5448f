"""our meetings as they were seen in calendars that we only read, and what a change there does"""

from alembic import op
import sqlalchemy as sa


revision = '0025'
down_revision = '0024'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('sightings',
    sa.Column('meeting_id', sa.Integer(), nullable=False),
    sa.Column('calendar_id', sa.Integer(), nullable=False),
    sa.Column('sequence', sa.Integer(), nullable=False),
    sa.Column('starts_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('missed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('change', sa.String(length=8), nullable=True),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['calendar_id'], ['calendars.id'], name=op.f('fk_sightings_calendar_id_calendars'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['meeting_id'], ['meetings.id'], name=op.f('fk_sightings_meeting_id_meetings')),
    sa.PrimaryKeyConstraint('meeting_id', 'calendar_id', name=op.f('pk_sightings'))
    )
    op.create_index(op.f('ix_sightings_calendar_id'), 'sightings', ['calendar_id'], unique=False)
    op.create_index('ix_sightings_due', 'sightings', ['due_at'], unique=False, sqlite_where=sa.text('due_at IS NOT NULL'), postgresql_where=sa.text('due_at IS NOT NULL'))
    op.add_column('people', sa.Column('when_deleted', sa.String(length=10), server_default='free', nullable=False))
    op.add_column('people', sa.Column('when_moved', sa.String(length=10), server_default='propose', nullable=False))


def downgrade() -> None:
    # Without writing the table anew: SQLite would miss the rows that refer to it.
    with op.batch_alter_table('people', recreate='never') as batch_op:
        batch_op.drop_column('when_moved')
        batch_op.drop_column('when_deleted')
    op.drop_table('sightings')
