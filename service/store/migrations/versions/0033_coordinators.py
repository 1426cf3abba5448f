"""who coordinates, and what somebody asked of them"""

from alembic import op
import sqlalchemy as sa


revision = '0033'
down_revision = '0032'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('people', sa.Column('coordinates', sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table('help_requests',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('person_id', sa.Integer(), nullable=False),
    sa.Column('text', sa.LargeBinary(), nullable=False),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['people.id'], name=op.f('fk_help_requests_person_id_people')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_help_requests'))
    )
    op.create_index(op.f('ix_help_requests_person_id'), 'help_requests', ['person_id'], unique=False)


def downgrade() -> None:
    op.drop_table('help_requests')
    with op.batch_alter_table('people', recreate='never') as batch_op:
        batch_op.drop_column('coordinates')
