"""calendars in turn: who reads a connection, which read it is, and servers that asked to be left alone"""

from alembic import op
import sqlalchemy as sa


revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('calendar_hosts',
    sa.Column('host_hash', sa.String(length=43), nullable=False),
    sa.Column('wait_until', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('host_hash', name=op.f('pk_calendar_hosts'))
    )
    with op.batch_alter_table('connections', schema=None) as batch_op:
        batch_op.add_column(sa.Column('leased_until', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('host_hash', sa.String(length=43), nullable=True))
        batch_op.add_column(sa.Column('reads', sa.Integer(), nullable=False, server_default='0'))
        batch_op.add_column(sa.Column('settled', sa.Integer(), nullable=False, server_default='0'))
        batch_op.create_index('ix_connections_leased', ['leased_until'], unique=False, sqlite_where=sa.text('leased_until IS NOT NULL'), postgresql_where=sa.text('leased_until IS NOT NULL'))

    with op.batch_alter_table('calendars', schema=None) as batch_op:
        batch_op.add_column(sa.Column('read', sa.Integer(), nullable=False, server_default='0'))


def downgrade() -> None:
    # Without writing tables anew: SQLite would miss the rows that refer to them.
    with op.batch_alter_table('calendars', recreate='never') as batch_op:
        batch_op.drop_column('read')

    with op.batch_alter_table('connections', recreate='never') as batch_op:
        batch_op.drop_index('ix_connections_leased', sqlite_where=sa.text('leased_until IS NOT NULL'), postgresql_where=sa.text('leased_until IS NOT NULL'))
        batch_op.drop_column('settled')
        batch_op.drop_column('reads')
        batch_op.drop_column('host_hash')
        batch_op.drop_column('leased_until')

    op.drop_table('calendar_hosts')
