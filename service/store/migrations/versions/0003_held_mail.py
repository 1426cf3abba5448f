"""held mail"""

from alembic import op
import sqlalchemy as sa


revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

FREE = sa.text("state = 'pending' AND held_at IS NULL")
PENDING = sa.text("state = 'pending'")


def upgrade() -> None:
    with op.batch_alter_table('outbox', schema=None) as batch_op:
        batch_op.add_column(sa.Column('held_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.drop_index('ix_outbox_due')
        batch_op.create_index('ix_outbox_due', ['due_at'], unique=False, sqlite_where=FREE, postgresql_where=FREE)


def downgrade() -> None:
    # Without the mark held mail would be sent; the tables before knew `uncertain` for what a person decides.
    op.execute("UPDATE outbox SET state = 'uncertain', last_error = 'restored' WHERE state = 'pending' AND held_at IS NOT NULL")
    with op.batch_alter_table('outbox', schema=None) as batch_op:
        batch_op.drop_index('ix_outbox_due')
        batch_op.create_index('ix_outbox_due', ['due_at'], unique=False, sqlite_where=PENDING, postgresql_where=PENDING)
        batch_op.drop_column('held_at')
