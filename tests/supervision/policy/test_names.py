"""A name can be registered once in each process."""

from __future__ import annotations

import pytest

from regrow.supervision.policy import PolicyError, parse_policy

SHOP = """\
[tree]
name = "shop"
[[tree.child]]
id = "pool"
type = "supervisor"
  [[tree.child.child]]
  id = "reader"
  start = "a:B"
  name = "db"
  [[tree.child.child]]
  id = "writer"
  start = "a:B"
  name = "writer"
[[tree.child]]
id = "db"
start = "a:B"
name = "db"
[[tree.child]]
id = "carts"
type = "partition_supervisor"
name = "carts"
  [tree.child.template]
  id = "cart"
  start = "a:B"
[[tree.child]]
id = "sessions"
type = "dynamic_supervisor"
name = "carts"
  [tree.child.template]
  id = "session"
  command = ["x"]
  name = "db"
"""
CARTS = (
    "p.toml:28: tree.child[3].name: expected a name of its own (tree.child[2].name at line 21 has it already),"
    ' got "carts"'
)


def mistakes_of(text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, file="p.toml").tree()
    return [str(mistake) for mistake in caught.value.mistakes]


def test_every_name_that_is_taken_is_a_mistake_with_both_lines_wherever_in_the_tree() -> None:
    taken = "expected a name of its own (tree.child[0].child[0].name at line 9 has it already)"
    assert mistakes_of(SHOP) == [
        f'p.toml:17: tree.child[1].name: {taken}, got "db"',
        CARTS,
        f'p.toml:32: tree.child[3].template.name: {taken}, got "db"',
    ]


def test_every_process_has_names_of_its_own_but_is_itself_registered_outside() -> None:
    moved = SHOP.replace('id = "pool"\n', 'id = "pool"\nisolation = "process"\n')
    outside, template = mistakes_of(moved)
    assert outside == CARTS.replace(":28:", ":29:").replace("line 21", "line 22")
    assert template.startswith(
        "p.toml:33: tree.child[3].template.name: expected a name of its own (tree.child[1].name at"
    )
    named = SHOP.replace('id = "pool"\n', 'id = "pool"\nisolation = "process"\nname = "db"\n')
    assert mistakes_of(named)[0] == (
        "p.toml:19: tree.child[1].name: expected a name of its own (tree.child[0].name at line 6 has it already),"
        ' got "db"'
    )


def test_a_supervisor_that_a_path_moves_to_another_process_takes_the_names_along() -> None:
    text = SHOP.replace('type = "dynamic_supervisor"\nname = "carts"\n', 'type = "dynamic_supervisor"\n')
    moved = '[policy."shop/pool"]\nisolation = "process"\n[policy."shop/sessions"]\nisolation = "process"\n'
    parse_policy(text + moved, file="p.toml").tree()
    back = text.replace('id = "pool"\n', 'id = "pool"\nisolation = "process"\n')
    assert len(mistakes_of(back + '[policy."shop/pool"]\nisolation = "thread"\n')) == 2
