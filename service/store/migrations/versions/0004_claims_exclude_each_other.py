"""claims exclude each other, on PostgreSQL by the database itself"""

from alembic import op


revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_context().dialect.name != 'postgresql':
        return
    op.execute('CREATE EXTENSION IF NOT EXISTS btree_gist')
    op.execute(
        'ALTER TABLE claims ADD CONSTRAINT ex_claims_person EXCLUDE USING gist '
        '(person_id WITH =, tstzrange(starts_at, guarded_until) WITH &&)'
    )


def downgrade() -> None:
    if op.get_context().dialect.name == 'postgresql':
        op.drop_constraint('ex_claims_person', 'claims')  # the extension stays: others may use it
