"""goals of the mentee, what a meeting is for, suggestions, what matters, and parts of pages that are put away"""

from alembic import op
import sqlalchemy as sa


revision = '0026'
down_revision = '0025'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('goals',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('pair_id', sa.Integer(), nullable=False),
    sa.Column('text', sa.LargeBinary(), nullable=False),
    sa.Column('worked_when', sa.LargeBinary(), nullable=True),
    sa.Column('target_on', sa.Date(), nullable=True),
    sa.Column('review_on', sa.Date(), nullable=True),
    sa.Column('look_again_on', sa.Date(), nullable=True),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('shared_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['pair_id'], ['pairs.id'], name=op.f('fk_goals_pair_id_pairs')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_goals'))
    )
    op.create_index(op.f('ix_goals_pair_id'), 'goals', ['pair_id'], unique=False)
    op.create_index(op.f('ix_goals_look_again_on'), 'goals', ['look_again_on'], unique=False)
    op.create_table('meeting_goals',
    sa.Column('meeting_id', sa.Integer(), nullable=False),
    sa.Column('goal_id', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['goal_id'], ['goals.id'], name=op.f('fk_meeting_goals_goal_id_goals')),
    sa.ForeignKeyConstraint(['meeting_id'], ['meetings.id'], name=op.f('fk_meeting_goals_meeting_id_meetings')),
    sa.PrimaryKeyConstraint('meeting_id', name=op.f('pk_meeting_goals'))
    )
    op.create_index(op.f('ix_meeting_goals_goal_id'), 'meeting_goals', ['goal_id'], unique=False)
    op.create_table('suggestions',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('pair_id', sa.Integer(), nullable=False),
    sa.Column('by_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=8), nullable=False),
    sa.Column('text', sa.LargeBinary(), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('adapted', sa.LargeBinary(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['by_id'], ['people.id'], name=op.f('fk_suggestions_by_id_people')),
    sa.ForeignKeyConstraint(['pair_id'], ['pairs.id'], name=op.f('fk_suggestions_pair_id_pairs')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_suggestions'))
    )
    op.create_index(op.f('ix_suggestions_pair_id'), 'suggestions', ['pair_id'], unique=False)
    op.create_table('what_matters',
    sa.Column('pair_id', sa.Integer(), nullable=False),
    sa.Column('text', sa.LargeBinary(), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['pair_id'], ['pairs.id'], name=op.f('fk_what_matters_pair_id_pairs')),
    sa.PrimaryKeyConstraint('pair_id', name=op.f('pk_what_matters'))
    )
    op.create_table('put_away',
    sa.Column('person_id', sa.Integer(), nullable=False),
    sa.Column('moment', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['people.id'], name=op.f('fk_put_away_person_id_people')),
    sa.PrimaryKeyConstraint('person_id', 'moment', name=op.f('pk_put_away'))
    )


def downgrade() -> None:
    op.drop_table('put_away')
    op.drop_table('what_matters')
    op.drop_index(op.f('ix_suggestions_pair_id'), table_name='suggestions')
    op.drop_table('suggestions')
    op.drop_index(op.f('ix_meeting_goals_goal_id'), table_name='meeting_goals')
    op.drop_table('meeting_goals')
    op.drop_index(op.f('ix_goals_look_again_on'), table_name='goals')
    op.drop_index(op.f('ix_goals_pair_id'), table_name='goals')
    op.drop_table('goals')
