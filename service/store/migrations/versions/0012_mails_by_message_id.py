"""a mail of ours is found by its Message-ID, which an answer names"""

from alembic import op


revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index('ix_outbox_message_id', 'outbox', ['message_id'], unique=False)
    op.create_index('ix_inbound_person_id', 'inbound', ['person_id'], unique=False)


def downgrade() -> None:
    op.drop_index('ix_inbound_person_id', table_name='inbound')
    op.drop_index('ix_outbox_message_id', table_name='outbox')
