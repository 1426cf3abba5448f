"""when a word about a date is due"""

from alembic import op
import sqlalchemy as sa


revision = '0027'
down_revision = '0026'
branch_labels = None
depends_on = None
SET = sa.text('word_at IS NOT NULL')


def upgrade() -> None:
    op.add_column('critical_dates', sa.Column('word_at', sa.DateTime(timezone=True), nullable=True))
    op.create_index('ix_critical_dates_word', 'critical_dates', ['word_at'], unique=False, sqlite_where=SET, postgresql_where=SET)


def downgrade() -> None:
    op.drop_index('ix_critical_dates_word', 'critical_dates')
    with op.batch_alter_table('critical_dates', recreate='never') as batch_op:
        batch_op.drop_column('word_at')
