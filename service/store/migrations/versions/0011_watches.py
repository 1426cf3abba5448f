"""providers that tell of changes: which watches stand, and what their notices said"""

from alembic import op
import sqlalchemy as sa


revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('watches',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('connection_id', sa.Integer(), nullable=False),
    sa.Column('calendar_id', sa.Integer(), nullable=True),
    sa.Column('channel', sa.String(length=128), nullable=False),
    sa.Column('token_hash', sa.String(length=43), nullable=False),
    sa.Column('resource', sa.LargeBinary(), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['calendar_id'], ['calendars.id'], name=op.f('fk_watches_calendar_id_calendars'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['connection_id'], ['connections.id'], name=op.f('fk_watches_connection_id_connections'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_watches')),
    sa.UniqueConstraint('channel', name=op.f('uq_watches_channel'))
    )
    with op.batch_alter_table('watches', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_watches_connection_id'), ['connection_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_watches_calendar_id'), ['calendar_id'], unique=False)
    op.add_column('calendars', sa.Column('watch_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('connections', sa.Column('noticed', sa.Integer(), server_default='0', nullable=False))


def downgrade() -> None:
    op.drop_table('watches')
    # Without writing the tables anew: SQLite would miss the rows that refer to them.
    with op.batch_alter_table('connections', recreate='never') as batch_op:
        batch_op.drop_column('noticed')
    with op.batch_alter_table('calendars', recreate='never') as batch_op:
        batch_op.drop_column('watch_at')
