"""which mails lie in our mailbox as they came, until they are decided and put away there"""

from alembic import op
import sqlalchemy as sa


revision = '0018'
down_revision = '0017'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('mailbox_mails',
    sa.Column('key_hash', sa.String(length=43), nullable=False),
    sa.Column('uid', sa.BigInteger(), nullable=False),
    sa.Column('inbound_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['inbound_id'], ['inbound.id'], name=op.f('fk_mailbox_mails_inbound_id_inbound')),
    sa.PrimaryKeyConstraint('key_hash', 'uid', name=op.f('pk_mailbox_mails'))
    )


def downgrade() -> None:
    op.execute('UPDATE mailbox_marks SET filed_uid = read_uid')  # what is left as it came stays so
    op.drop_table('mailbox_mails')
