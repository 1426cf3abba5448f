"""what the account gave that mail is sent from, where that is not an SMTP server's"""

from alembic import op
import sqlalchemy as sa


revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('sending_grants',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('provider', sa.String(length=16), nullable=False),
    sa.Column('account', sa.LargeBinary(), nullable=False),
    sa.Column('scopes', sa.String(length=1000), nullable=False),
    sa.Column('tokens', sa.LargeBinary(), nullable=True),
    sa.Column('renewed_by', sa.String(length=43), nullable=True),
    sa.Column('renewing_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('wait_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('granted_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sending_grants'))
    )


def downgrade() -> None:
    op.drop_table('sending_grants')
