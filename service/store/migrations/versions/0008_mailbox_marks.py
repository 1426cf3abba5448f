"""how far our mailbox has been read"""

from alembic import op
import sqlalchemy as sa


revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('mailbox_marks',
    sa.Column('key_hash', sa.String(length=43), nullable=False),
    sa.Column('validity', sa.BigInteger(), nullable=True),
    sa.Column('read_uid', sa.BigInteger(), nullable=False),
    sa.Column('filed_uid', sa.BigInteger(), nullable=False),
    sa.Column('leased_by', sa.String(length=43), nullable=True),
    sa.Column('leased_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('read_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('fault', sa.String(length=40), nullable=True),
    sa.PrimaryKeyConstraint('key_hash', name=op.f('pk_mailbox_marks'))
    )


def downgrade() -> None:
    op.drop_table('mailbox_marks')
