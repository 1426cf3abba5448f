"""when what an ended pair said goes, and who keeps their own notes"""

from alembic import op
import sqlalchemy as sa


revision = '0036'
down_revision = '0035'
branch_labels = None
depends_on = None
SET = sa.text('clear_at IS NOT NULL')


def upgrade() -> None:
    op.add_column('people', sa.Column('keeps_notes', sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column('pairs', sa.Column('clear_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('pairs', sa.Column('stage', sa.String(length=8), nullable=True))
    op.create_index('ix_pairs_clear', 'pairs', ['clear_at'], unique=False, sqlite_where=SET, postgresql_where=SET)
    op.execute('UPDATE pairs SET clear_at = ended_at WHERE ended_at IS NOT NULL')


def downgrade() -> None:
    op.drop_index('ix_pairs_clear', 'pairs')
    for table, column in (('pairs', 'stage'), ('pairs', 'clear_at'), ('people', 'keeps_notes')):
        with op.batch_alter_table(table, recreate='never') as batch_op:
            batch_op.drop_column(column)
