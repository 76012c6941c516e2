"""What a migration may do within a minor version: old and new processes share its database.

The revision of a migration that came after the first release names the oldest schema whose code can still use the
database, as `0017.0015`, and then it only adds. One without such a name is for a new minor version.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import limner.db

VERSIONS = Path(limner.db.__file__).parent / "migrations" / "versions"
RELEASED = "0015"
"""The newest migration of 0.1.0."""

ADDS = {"create_table", "create_index", "add_column", "bulk_insert"}
FILLS = re.compile(r"\s*(INSERT INTO|UPDATE|CREATE (TABLE|INDEX|VIRTUAL TABLE))\s")
NEUTRAL = {"get_bind"}


def subtractions(source: str) -> Iterator[str]:
    """What the code of another version would stumble over."""
    tree = ast.parse(source)
    texts = {target.id: node.value for node in tree.body if isinstance(node, ast.Assign) for target in _names(node)}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    made = {_text(call.args[0], texts) for call in calls if _operation(call) == "create_table"}
    for call in calls:
        name = _operation(call)
        if name == "execute":
            statement = _text(call.args[0], texts)
            if statement is None or not FILLS.match(statement):
                yield f"line {call.lineno}: a statement that is no INSERT, UPDATE or CREATE"
        elif name == "add_column" and not _may_be_left_out(call.args[1]):
            yield f"line {call.lineno}: a column that old code would have to fill"
        elif name == "create_index" and _is_given(call, "unique") and _text(call.args[1], texts) not in made:
            yield f"line {call.lineno}: a rule that old code does not know"
        elif name and name not in ADDS | NEUTRAL | {"execute"}:
            yield f"line {call.lineno}: {name}"


def _names(node: ast.Assign) -> list[ast.Name]:
    return [target for target in node.targets if isinstance(target, ast.Name)]


def _operation(call: ast.Call) -> str | None:
    """The name of a call of Alembic's `op`, or of its batches."""
    function = call.func
    known = isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)
    return function.attr if known and function.value.id in {"op", "batch"} else None  # type: ignore[attr-defined]


def _text(node: ast.expr, texts: dict[str, ast.expr]) -> str | None:
    while isinstance(node, ast.Name) and node.id in texts:
        node = texts[node.id]
    if isinstance(node, ast.Call) and node.args:  # sa.text("…")
        return _text(node.args[0], texts)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _may_be_left_out(column: ast.expr) -> bool:
    assert isinstance(column, ast.Call)
    return _is_given(column, "nullable") or any(each.arg == "server_default" for each in column.keywords)


def _is_given(call: ast.Call, name: str) -> bool:
    return any(
        each.arg == name and isinstance(each.value, ast.Constant) and each.value.value is True for each in call.keywords
    )


def revision(path: Path) -> str:
    found = re.search(r'^revision = "([^"]+)"', path.read_text(), re.MULTILINE)
    assert found
    return found[1]


def faults(path: Path) -> list[str]:
    """Of a migration that came after the first release."""
    number, _, oldest = revision(path).partition(".")
    if number != path.name[:4]:
        return [f"{path.name} has the revision {revision(path)}"]
    return [f"{path.name}, {each}" for each in subtractions(path.read_text())] if oldest else []


LATER = [path for path in sorted(VERSIONS.glob("*.py")) if path.name[:4] > RELEASED]


def test_migrations_since_the_release_only_add_or_say_that_old_code_cannot_go_on() -> None:
    assert any(path.name.startswith(RELEASED) for path in VERSIONS.glob("*.py"))
    assert [each for path in LATER for each in faults(path)] == []


ADDITIVE = """
_FILL = "INSERT INTO things SELECT id FROM tasks"

def upgrade() -> None:
    op.create_table("things", sa.Column("id", sa.String(36), nullable=False))
    op.create_index("ix_things", "things", ["id"], unique=True)
    op.create_index("ix_tasks_more", "tasks", ["id"])
    op.add_column("tasks", sa.Column("note", sa.String(9), nullable=True))
    op.add_column("tasks", sa.Column("count", sa.Integer, nullable=False, server_default="0"))
    op.execute(_FILL)
    op.execute(sa.text("UPDATE tasks SET note = 'x'"))
"""


def test_a_migration_that_only_adds_has_no_fault() -> None:
    assert list(subtractions(ADDITIVE)) == []


@pytest.mark.parametrize(
    "line",
    [
        'op.drop_column("tasks", "note")',
        'op.drop_table("tasks")',
        'op.rename_table("tasks", "jobs")',
        'op.alter_column("tasks", "note", nullable=False)',
        'op.batch_alter_table("tasks")',
        'op.add_column("tasks", sa.Column("note", sa.String(9), nullable=False))',
        'op.add_column("tasks", sa.Column("note", sa.String(9)))',
        'op.create_index("ix", "tasks", ["note"], unique=True)',
        'op.create_unique_constraint("uq", "tasks", ["note"])',
        'op.execute("DELETE FROM tasks")',
        'op.execute("DROP TABLE tasks")',
        "op.execute(statement)",
    ],
)
def test_one_that_takes_away_or_demands_has(line: str) -> None:
    assert len(list(subtractions(f"{ADDITIVE}    {line}\n"))) == 1


def test_a_migration_of_before_that_replaced_an_index_of_words_would_be_noticed() -> None:
    (path,) = VERSIONS.glob("0013_*.py")

    assert list(subtractions(path.read_text()))
