"""The pure table of entries."""

from __future__ import annotations

from regrow.actors import ActorRef, ActorSystem, Entry
from regrow.actors.entries import EntryTable
from regrow.actors.testing import Puppet


def ref(system: ActorSystem) -> ActorRef:
    return ActorRef(system, name="one", actor_class=Puppet)


def test_entries_are_found_by_key_and_by_holder_in_order(system: ActorSystem) -> None:
    table: EntryTable[str, int] = EntryTable()
    one, two = ref(system), ref(system)
    entries = [Entry("a", one, 1), Entry("a", two, 2), Entry("b", one, 3), Entry("a", one, 4)]
    for entry in entries:
        table.add(entry)
    assert table.entries("a") == (entries[0], entries[3], entries[1])
    assert table.of("a", one) == (entries[0], entries[3])
    assert (table.keys(one), table.all_keys(), len(table)) == (("a", "b"), ("a", "b"), 4)
    assert (table.holder("a"), table.holder("c"), table.holds(two)) == (one, None, True)


def test_this_very_entry_is_removed_and_no_other_of_the_same_two(system: ActorSystem) -> None:
    table: EntryTable[str, int] = EntryTable()
    one = ref(system)
    first, second = Entry("a", one, 1), Entry("a", one, 1)
    table.add(first)
    table.add(second)
    assert table.remove(first)
    assert not table.remove(first)
    assert (table.of("a", one), len(table)) == ((second,), 1)
    assert not table.replace(first, Entry("a", one, 2))
    assert table.replace(second, third := Entry("a", one, 3))
    assert table.remove(third)
    assert (len(table), table.all_keys(), table.keys(one), table.holds(one)) == (0, (), (), False)


def test_the_latest_of_several_is_taken_first(system: ActorSystem) -> None:
    table: EntryTable[str, int] = EntryTable()
    one = ref(system)
    entries = [Entry("a", one, number) for number in range(3)]
    for entry in entries:
        table.add(entry)
    assert [table.take_last("a", one) for _ in range(4)] == [*reversed(entries), None]
    assert len(table) == 0


def test_a_holder_is_dropped_with_all_it_has_and_the_others_stay(system: ActorSystem) -> None:
    table: EntryTable[str, int] = EntryTable()
    one, two = ref(system), ref(system)
    own = [Entry("a", one, 1), Entry("b", one, 2)]
    other = Entry("a", two, 3)
    for entry in (*own, other):
        table.add(entry)
    assert table.drop(one) == tuple(own)
    assert (table.drop(one), table.take("a", one)) == ((), ())
    assert (table.entries("a"), table.all_keys(), len(table)) == ((other,), ("a",), 1)
    assert table.clear() == (other,)
    assert (len(table), table.all_keys()) == (0, ())
