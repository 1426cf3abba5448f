"""journals that somebody brought from another installation"""

from alembic import op
import sqlalchemy as sa


revision = '0031'
down_revision = '0030'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('brought_journals',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('person_id', sa.Integer(), nullable=False),
    sa.Column('data', sa.LargeBinary(), nullable=False),
    sa.Column('brought_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['people.id'], name=op.f('fk_brought_journals_person_id_people')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_brought_journals'))
    )
    op.create_index(op.f('ix_brought_journals_person_id'), 'brought_journals', ['person_id'], unique=False)


def downgrade() -> None:
    op.drop_index(op.f('ix_brought_journals_person_id'), table_name='brought_journals')
    op.drop_table('brought_journals')
