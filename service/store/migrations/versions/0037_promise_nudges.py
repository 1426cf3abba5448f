"""when whoever agreed to something by a day of their own is asked how it stands"""

from alembic import op
import sqlalchemy as sa


revision = '0037'
down_revision = '0036'
branch_labels = None
depends_on = None


# A day before, and today, as each database says it. What has passed is not asked about any more.
NUDGED = {
    'sqlite': "date(due_on, '-1 day') WHERE due_on > date('now')",
    'postgresql': 'due_on - 1 WHERE due_on > CURRENT_DATE',
}


def upgrade() -> None:
    op.add_column('commitments', sa.Column('nudge_on', sa.Date(), nullable=True))
    nudged = NUDGED[op.get_bind().dialect.name]
    op.execute(f"UPDATE commitments SET nudge_on = {nudged} AND pinned AND state <> 'done'")
    op.create_index(op.f('ix_commitments_nudge_on'), 'commitments', ['nudge_on'], unique=False)


def downgrade() -> None:
    op.drop_index(op.f('ix_commitments_nudge_on'), table_name='commitments')
    with op.batch_alter_table('commitments', recreate='never') as batch_op:
        batch_op.drop_column('nudge_on')
