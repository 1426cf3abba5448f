"""meetings as events in people's own calendars: what is wanted there, and where it was written"""

from alembic import op
import sqlalchemy as sa


revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

DUE = sa.text('due_at IS NOT NULL')


def upgrade() -> None:
    op.create_table('calendar_writes',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('meeting_id', sa.Integer(), nullable=False),
    sa.Column('person_id', sa.Integer(), nullable=False),
    sa.Column('connection_id', sa.Integer(), nullable=True),
    sa.Column('invites', sa.Boolean(), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('wanted', sa.Integer(), nullable=False),
    sa.Column('written', sa.Integer(), nullable=False),
    sa.Column('copies', sa.Integer(), nullable=False),
    sa.Column('calendar_key', sa.LargeBinary(), nullable=True),
    sa.Column('event_id', sa.LargeBinary(), nullable=True),
    sa.Column('etag', sa.String(length=200), nullable=True),
    sa.Column('alias', sa.String(length=400), nullable=True),
    sa.Column('fault', sa.String(length=40), nullable=True),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('lease_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['connection_id'], ['connections.id'], name=op.f('fk_calendar_writes_connection_id_connections'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['meeting_id'], ['meetings.id'], name=op.f('fk_calendar_writes_meeting_id_meetings')),
    sa.ForeignKeyConstraint(['person_id'], ['people.id'], name=op.f('fk_calendar_writes_person_id_people')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calendar_writes')),
    sa.UniqueConstraint('meeting_id', 'person_id', name=op.f('uq_calendar_writes_meeting_id'))
    )
    with op.batch_alter_table('calendar_writes', schema=None) as batch_op:
        batch_op.create_index('ix_calendar_writes_due', ['due_at'], unique=False, sqlite_where=DUE, postgresql_where=DUE)
        batch_op.create_index(batch_op.f('ix_calendar_writes_alias'), ['alias'], unique=False)
        batch_op.create_index(batch_op.f('ix_calendar_writes_connection_id'), ['connection_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_calendar_writes_person_id'), ['person_id'], unique=False)


def downgrade() -> None:
    op.drop_table('calendar_writes')
