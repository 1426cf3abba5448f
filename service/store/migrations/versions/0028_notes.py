"""notes for oneself, questions that wait, and debriefs that are sealed until both are in"""

from alembic import op
import sqlalchemy as sa


revision = '0028'
down_revision = '0027'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('notes',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('pair_id', sa.Integer(), nullable=False),
    sa.Column('person_id', sa.Integer(), nullable=False),
    sa.Column('meeting_id', sa.Integer(), nullable=True),
    sa.Column('kind', sa.String(length=8), nullable=False),
    sa.Column('prompt', sa.String(length=16), nullable=True),
    sa.Column('text', sa.LargeBinary(), nullable=True),
    sa.Column('alike', sa.LargeBinary(), nullable=True),
    sa.Column('unlike', sa.LargeBinary(), nullable=True),
    sa.Column('trying', sa.LargeBinary(), nullable=True),
    sa.Column('shared_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('read_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['meeting_id'], ['meetings.id'], name=op.f('fk_notes_meeting_id_meetings')),
    sa.ForeignKeyConstraint(['pair_id'], ['pairs.id'], name=op.f('fk_notes_pair_id_pairs')),
    sa.ForeignKeyConstraint(['person_id'], ['people.id'], name=op.f('fk_notes_person_id_people')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notes'))
    )
    op.create_index(op.f('ix_notes_meeting_id'), 'notes', ['meeting_id'], unique=False)
    op.create_index(op.f('ix_notes_pair_id'), 'notes', ['pair_id'], unique=False)
    op.create_table('questions',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('pair_id', sa.Integer(), nullable=False),
    sa.Column('by_id', sa.Integer(), nullable=False),
    sa.Column('text', sa.LargeBinary(), nullable=False),
    sa.Column('back_on', sa.Date(), nullable=True),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('answer', sa.LargeBinary(), nullable=True),
    sa.Column('shared_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['by_id'], ['people.id'], name=op.f('fk_questions_by_id_people')),
    sa.ForeignKeyConstraint(['pair_id'], ['pairs.id'], name=op.f('fk_questions_pair_id_pairs')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_questions'))
    )
    op.create_index(op.f('ix_questions_pair_id'), 'questions', ['pair_id'], unique=False)
    op.create_table('debriefs',
    sa.Column('meeting_id', sa.Integer(), nullable=False),
    sa.Column('person_id', sa.Integer(), nullable=False),
    sa.Column('text', sa.LargeBinary(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['meeting_id'], ['meetings.id'], name=op.f('fk_debriefs_meeting_id_meetings')),
    sa.ForeignKeyConstraint(['person_id'], ['people.id'], name=op.f('fk_debriefs_person_id_people')),
    sa.PrimaryKeyConstraint('meeting_id', 'person_id', name=op.f('pk_debriefs'))
    )


def downgrade() -> None:
    op.drop_table('debriefs')
    op.drop_index(op.f('ix_questions_pair_id'), table_name='questions')
    op.drop_table('questions')
    op.drop_index(op.f('ix_notes_pair_id'), table_name='notes')
    op.drop_index(op.f('ix_notes_meeting_id'), table_name='notes')
    op.drop_table('notes')
