"""agreements, in versions that both sign; a timer for each pair, and pauses; how much one's own entries show"""

from alembic import op
import sqlalchemy as sa


revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('agreements',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('pair_id', sa.Integer(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('terms', sa.LargeBinary(), nullable=True),
    sa.Column('text', sa.LargeBinary(), nullable=True),
    sa.Column('text_sha256', sa.String(length=64), nullable=True),
    sa.Column('document', sa.LargeBinary(), nullable=True),
    sa.Column('signed_sha256', sa.String(length=64), nullable=True),
    sa.Column('changed_by', sa.Integer(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('signed_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['changed_by'], ['people.id'], name=op.f('fk_agreements_changed_by_people')),
    sa.ForeignKeyConstraint(['pair_id'], ['pairs.id'], name=op.f('fk_agreements_pair_id_pairs')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_agreements')),
    sa.UniqueConstraint('pair_id', 'version', name=op.f('uq_agreements_pair_id'))
    )
    op.create_table('agreement_answers',
    sa.Column('agreement_id', sa.Integer(), nullable=False),
    sa.Column('person_id', sa.Integer(), nullable=False),
    sa.Column('answers', sa.LargeBinary(), nullable=False),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['agreement_id'], ['agreements.id'], name=op.f('fk_agreement_answers_agreement_id_agreements')),
    sa.ForeignKeyConstraint(['person_id'], ['people.id'], name=op.f('fk_agreement_answers_person_id_people')),
    sa.PrimaryKeyConstraint('agreement_id', 'person_id', name=op.f('pk_agreement_answers'))
    )
    op.create_table('agreement_signatures',
    sa.Column('agreement_id', sa.Integer(), nullable=False),
    sa.Column('person_id', sa.Integer(), nullable=False),
    sa.Column('text_sha256', sa.String(length=64), nullable=False),
    sa.Column('signed_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['agreement_id'], ['agreements.id'], name=op.f('fk_agreement_signatures_agreement_id_agreements')),
    sa.ForeignKeyConstraint(['person_id'], ['people.id'], name=op.f('fk_agreement_signatures_person_id_people')),
    sa.PrimaryKeyConstraint('agreement_id', 'person_id', name=op.f('pk_agreement_signatures'))
    )
    op.add_column('people', sa.Column('invite', sa.String(length=8), nullable=True))
    op.add_column('pairs', sa.Column('paused_until', sa.DateTime(timezone=True), nullable=True))
    op.add_column('pairs', sa.Column('due_at', sa.DateTime(timezone=True), nullable=True))
    op.execute('UPDATE pairs SET due_at = created_at WHERE ended_at IS NULL')  # so that each is looked at once
    op.create_index('ix_pairs_due', 'pairs', ['due_at'], unique=False, sqlite_where=sa.text('due_at IS NOT NULL'), postgresql_where=sa.text('due_at IS NOT NULL'))


def downgrade() -> None:
    # Without writing the tables anew: SQLite would miss the rows that refer to them.
    op.drop_index('ix_pairs_due', table_name='pairs')
    with op.batch_alter_table('pairs', recreate='never') as batch_op:
        batch_op.drop_column('due_at')
        batch_op.drop_column('paused_until')
    with op.batch_alter_table('people', recreate='never') as batch_op:
        batch_op.drop_column('invite')
    op.drop_table('agreement_signatures')
    op.drop_table('agreement_answers')
    op.drop_table('agreements')
