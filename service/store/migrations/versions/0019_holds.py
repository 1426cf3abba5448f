"""up to three times in a proposal, and holds on them; what was proposed before this is taken over, without a hold"""

from alembic import op
import sqlalchemy as sa


revision = '0019'
down_revision = '0018'
branch_labels = None
depends_on = None
LAPSING = {'sqlite_where': sa.text('lapses_at IS NOT NULL'), 'postgresql_where': sa.text('lapses_at IS NOT NULL')}
OPEN = "p.sequence = m.sequence AND m.phase = 'booked'"


def upgrade() -> None:
    op.create_table('time_proposals',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('pair_id', sa.Integer(), nullable=False),
    sa.Column('by_id', sa.Integer(), nullable=False),
    sa.Column('meeting_id', sa.Integer(), nullable=True),
    sa.Column('session', sa.String(length=16), nullable=False),
    sa.Column('date_id', sa.Integer(), nullable=True),
    sa.Column('comment', sa.LargeBinary(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('outcome', sa.String(length=10), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('taken_id', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['by_id'], ['people.id'], name=op.f('fk_time_proposals_by_id_people')),
    sa.ForeignKeyConstraint(['date_id'], ['critical_dates.id'], name=op.f('fk_time_proposals_date_id_critical_dates')),
    sa.ForeignKeyConstraint(['meeting_id'], ['meetings.id'], name=op.f('fk_time_proposals_meeting_id_meetings')),
    sa.ForeignKeyConstraint(['pair_id'], ['pairs.id'], name=op.f('fk_time_proposals_pair_id_pairs')),
    sa.ForeignKeyConstraint(['taken_id'], ['meetings.id'], name=op.f('fk_time_proposals_taken_id_meetings')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_time_proposals'))
    )
    op.create_index(op.f('ix_time_proposals_meeting_id'), 'time_proposals', ['meeting_id'], unique=False)
    op.create_index(op.f('ix_time_proposals_pair_id'), 'time_proposals', ['pair_id'], unique=False)
    op.create_table('proposed_times',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('proposal_id', sa.Integer(), nullable=False),
    sa.Column('starts_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('held', sa.Boolean(), nullable=False),
    sa.Column('lapses_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['proposal_id'], ['time_proposals.id'], name=op.f('fk_proposed_times_proposal_id_time_proposals')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_proposed_times'))
    )
    op.create_index(op.f('ix_proposed_times_proposal_id'), 'proposed_times', ['proposal_id'], unique=False)
    op.execute(
        'INSERT INTO time_proposals (pair_id, by_id, meeting_id, session, date_id, comment, created_at, outcome, closed_at) '
        'SELECT m.pair_id, p.person_id, m.id, m.session, m.date_id, p.comment, p.created_at, '
        f"CASE WHEN {OPEN} THEN NULL ELSE 'over' END, CASE WHEN {OPEN} THEN NULL ELSE p.created_at END "
        'FROM proposals p JOIN meetings m ON m.id = p.meeting_id'
    )
    op.execute(
        'INSERT INTO proposed_times (proposal_id, starts_at, ends_at, held, lapses_at) '
        'SELECT n.id, p.starts_at, p.ends_at, false, p.starts_at FROM time_proposals n '
        'JOIN proposals p ON p.meeting_id = n.meeting_id AND p.person_id = n.by_id'
    )
    with op.batch_alter_table('claims', schema=None) as batch_op:
        batch_op.alter_column('meeting_id', existing_type=sa.Integer(), nullable=True)
        batch_op.add_column(sa.Column('time_id', sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column('lapses_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.create_foreign_key(batch_op.f('fk_claims_time_id_proposed_times'), 'proposed_times', ['time_id'], ['id'])
        batch_op.create_unique_constraint(batch_op.f('uq_claims_time_id'), ['time_id', 'person_id'])
        batch_op.create_index('ix_claims_lapses', ['lapses_at'], unique=False, **LAPSING)


def downgrade() -> None:
    op.execute('DELETE FROM claims WHERE meeting_id IS NULL')
    with op.batch_alter_table('claims', schema=None) as batch_op:
        batch_op.drop_index('ix_claims_lapses')
        batch_op.drop_constraint(batch_op.f('uq_claims_time_id'), type_='unique')
        batch_op.drop_constraint(batch_op.f('fk_claims_time_id_proposed_times'), type_='foreignkey')
        batch_op.drop_column('lapses_at')
        batch_op.drop_column('time_id')
        batch_op.alter_column('meeting_id', existing_type=sa.Integer(), nullable=False)
    op.drop_table('proposed_times')
    op.drop_table('time_proposals')
