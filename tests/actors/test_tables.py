"""The pure tables of links and monitors."""

from __future__ import annotations

from regrow.actors.links import LinkTable
from regrow.actors.monitors import MonitorTable


def test_links_go_both_ways_and_once() -> None:
    table: LinkTable[str] = LinkTable()
    assert table.link("a", "b")
    assert not table.link("b", "a")
    assert not table.link("a", "a")
    assert (table.peers("a"), table.peers("b"), len(table)) == (("b",), ("a",), 1)


def test_unlink_from_either_side() -> None:
    table: LinkTable[str] = LinkTable()
    table.link("a", "b")
    assert table.unlink("b", "a")
    assert not table.unlink("a", "b")
    assert len(table) == 0


def test_drop_gives_peers_in_link_order_and_forgets_all() -> None:
    table: LinkTable[str] = LinkTable()
    for peer in "bcd":
        table.link("a", peer)
    table.link("b", "c")
    assert table.drop("a") == ("b", "c", "d")
    assert table.drop("a") == ()
    assert table.peers("b") == ("c",)


def test_monitors_are_independent_of_each_other() -> None:
    table: MonitorTable[str] = MonitorTable()
    one, two = table.monitor("o", "s"), table.monitor("o", "s")
    assert one != two
    assert table.demonitor(one) == ("o", "s")
    assert table.demonitor(one) is None
    assert table.drop_subject("s") == ((two, "o"),)
    assert len(table) == 0


def test_dropping_an_owner_leaves_other_owners() -> None:
    table: MonitorTable[str] = MonitorTable()
    one, other = table.monitor("o", "s"), table.monitor("p", "s")
    assert table.drop_owner("o") == ((one, "s"),)
    assert table.drop_subject("s") == ((other, "p"),)
    assert table.drop_owner("p") == ()


def test_numbers_are_never_used_twice() -> None:
    table: MonitorTable[str] = MonitorTable()
    assert len({table.monitor("a", "b"), table.next_number(), table.monitor("a", "b")}) == 3
