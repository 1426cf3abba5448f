"""grants of providers that were consented to, and consents under way"""

from alembic import op
import sqlalchemy as sa


revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('grants',
    sa.Column('connection_id', sa.Integer(), nullable=False),
    sa.Column('account_hash', sa.String(length=43), nullable=False),
    sa.Column('account', sa.LargeBinary(), nullable=False),
    sa.Column('scopes', sa.String(length=1000), nullable=False),
    sa.Column('tokens', sa.LargeBinary(), nullable=True),
    sa.Column('renewed_by', sa.String(length=43), nullable=True),
    sa.Column('renewing_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('granted_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['connection_id'], ['connections.id'], name=op.f('fk_grants_connection_id_connections'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('connection_id', name=op.f('pk_grants'))
    )
    op.create_table('consents',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('state_hash', sa.String(length=43), nullable=False),
    sa.Column('browser_hash', sa.String(length=43), nullable=False),
    sa.Column('link_id', sa.Integer(), nullable=False),
    sa.Column('provider', sa.String(length=16), nullable=False),
    sa.Column('access', sa.String(length=10), nullable=False),
    sa.Column('kept', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['link_id'], ['links.id'], name=op.f('fk_consents_link_id_links'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_consents')),
    sa.UniqueConstraint('state_hash', name=op.f('uq_consents_state_hash'))
    )
    with op.batch_alter_table('consents', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_consents_expires_at'), ['expires_at'], unique=False)


def downgrade() -> None:
    op.drop_table('consents')
    op.drop_table('grants')
