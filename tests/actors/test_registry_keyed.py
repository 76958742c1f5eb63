"""Registries of one's own: keys, values, listeners, and what becomes of them when a holder ends."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable

import pytest

from regrow.actors import (
    ActorDeadError,
    ActorExited,
    ActorRef,
    ActorSystem,
    CallbackFailed,
    ChildSpec,
    Down,
    Entry,
    Exit,
    KeyTaken,
    MailboxOptions,
    NameTaken,
    Registered,
    Registry,
    SpawnOptions,
    Started,
    Unregistered,
)
from regrow.actors.testing import Hold, Probe, Puppet, Script, crash


def registry(system: ActorSystem) -> Registry[str, int]:
    return Registry(system, "r")


def bag(system: ActorSystem) -> Registry[str, int]:
    return Registry(system, "bag", keys="duplicate")


def pairs(found: Registry[str, int], key: str) -> list[tuple[ActorRef, int]]:
    return [(entry.ref, entry.value) for entry in found.lookup(key)]


# Unique keys.


def test_a_unique_key_has_one_holder(system: ActorSystem) -> None:
    rooms, one, two = registry(system), system.spawn(Puppet), system.spawn(Puppet)
    rooms.register("k", 1, ref=one)
    with pytest.raises(KeyTaken, match=r"registry 'r': expected key 'k' to be free, it is held by") as refused:
        rooms.register("k", 2, ref=two)
    assert (refused.value.registry, refused.value.key, refused.value.holder) == ("r", "k", one)
    assert isinstance(refused.value, NameTaken)
    assert rooms.whereis("k") is one
    assert pairs(rooms, "k") == [(one, 1)]
    assert rooms.lookup("other") == ()


def test_who_has_a_unique_key_already_is_refused_too(system: ActorSystem) -> None:
    rooms, one = registry(system), system.spawn(Puppet)
    rooms.register("k", 1, ref=one)
    with pytest.raises(KeyTaken):
        rooms.register("k", 2, ref=one)
    assert pairs(rooms, "k") == [(one, 1)]


def test_one_may_hold_several_keys_and_gives_all_up_with_its_life(system: ActorSystem) -> None:
    rooms, one = registry(system), system.spawn(Puppet)
    for number, key in enumerate("abc"):
        rooms.register(key, number, ref=one)
    assert rooms.keys(one) == ("a", "b", "c")
    assert rooms.values("b", ref=one) == (1,)
    assert (rooms.count(), rooms.count("a"), len(rooms)) == (3, 1, 3)
    assert repr(rooms) == "<Registry 'r': 3 entries, unique keys>"
    one.stop()
    assert (rooms.keys(one), rooms.count(), rooms.lookup("a"), rooms.whereis("a")) == ((), 0, (), None)


def test_the_calling_actor_registers_itself(system: ActorSystem) -> None:
    rooms, one = registry(system), system.spawn(Puppet)
    one.ask(lambda _puppet: rooms.register("k", 1))
    assert pairs(rooms, "k") == [(one, 1)]
    assert one.ask(lambda _puppet: (rooms.keys(), rooms.values("k"))) == (("k",), (1,))
    assert one.ask(lambda _puppet: rooms.update_value("k", lambda old: old + 1)) == (2, 1)
    assert one.ask(lambda _puppet: rooms.unregister("k")) is True
    assert one.ask(lambda _puppet: rooms.unregister("k")) is False
    with pytest.raises(ValueError, match="'r': register: expected to be called by an actor, or with ref="):
        rooms.register("k", 1)


def test_the_dead_cannot_register(system: ActorSystem) -> None:
    rooms, one = registry(system), system.spawn(Puppet)
    one.stop()
    with pytest.raises(ActorDeadError):
        rooms.register("k", 1, ref=one, keep=True)
    with pytest.raises(ActorDeadError, match="name 'nobody' not found"):
        rooms.register("k", 1, ref=system.named("nobody"))
    assert rooms.count() == 0


def test_keys_are_free_before_anybody_hears_of_an_end(system: ActorSystem, probe: Probe) -> None:
    rooms, one, heir = registry(system), system.spawn(Puppet), system.spawn(Puppet)
    rooms.register("k", 1, ref=one)
    found: list[tuple[str, bool]] = []

    def take_over(event: object) -> None:
        found.append((type(event).__name__, rooms.whereis("k") is None))
        rooms.register("k", 2, ref=heir)

    unsubscribe = system.bus.subscribe(take_over, ActorExited)
    remove = rooms.add_listener(probe.ref)
    probe.link(one)
    probe.monitor(one)
    one.kill()
    unsubscribe()
    remove()
    assert found == [("ActorExited", True)]
    assert probe.expect(Unregistered).ref is one
    assert probe.expect(Registered).ref is heir
    assert probe.expect(Exit).sender is one
    assert probe.expect(Down).ref is one


def test_the_entry_of_one_below_a_dead_supervisor_is_no_obstacle(system: ActorSystem, probe: Probe) -> None:
    rooms, hold = registry(system), Hold()
    supervisor, heir = system.spawn(Puppet), system.spawn(Puppet)
    spec = ChildSpec(id="a", start=Script(on_stop=hold).start)
    child = system.begin(spec, parent=supervisor, ref=None, on_outcome=probe.outcome)
    probe.expect(Started)
    rooms.register("k", 1, ref=child)
    rooms.add_listener(probe.ref)
    supervisor.kill()
    hold.wait_reached()
    rooms.register("k", 2, ref=heir)
    assert pairs(rooms, "k") == [(heir, 2)]
    assert probe.expect(Unregistered).ref is child
    assert probe.expect(Registered).ref is heir
    hold.release()


def test_one_that_is_cleaning_up_holds_its_key_but_is_not_handed_out(system: ActorSystem) -> None:
    rooms, hold = registry(system), Hold()
    one, two = system.spawn(Puppet, Script(on_stop=hold)), system.spawn(Puppet)
    rooms.register("k", 1, ref=one)
    stopping = one.stop(block=False)
    hold.wait_reached()
    assert (rooms.whereis("k"), rooms.lookup("k")) == (None, ())
    with pytest.raises(KeyTaken):
        rooms.register("k", 2, ref=two)
    hold.release()
    stopping.get(timeout=5)
    rooms.register("k", 2, ref=two)


def test_values_are_changed_in_place_and_by_nobody_else_meanwhile(system: ActorSystem) -> None:
    rooms, one = registry(system), system.spawn(Puppet)
    rooms.register("k", 0, ref=one)
    threads = [
        threading.Thread(target=lambda: [rooms.update_value("k", lambda n: n + 1, ref=one) for _ in range(200)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert rooms.values("k", ref=one) == (800,)
    assert rooms.update_value("other", lambda n: n, ref=one) is None


def test_a_value_that_changes_under_the_change_is_changed_again(system: ActorSystem) -> None:
    rooms, one = registry(system), system.spawn(Puppet)
    rooms.register("k", 1, ref=one)
    seen: list[int] = []

    def change(old: int) -> int:
        if not seen:
            rooms.update_value("k", lambda _old: 10, ref=one)
        seen.append(old)
        return old + 1

    assert rooms.update_value("k", change, ref=one) == (11, 10)
    assert seen == [1, 10]


# Duplicate keys.


def test_duplicate_keys_take_any_number_of_entries(system: ActorSystem) -> None:
    topics, one, two = bag(system), system.spawn(Puppet), system.spawn(Puppet)
    topics.register("t", 1, ref=one)
    topics.register("t", 2, ref=two)
    topics.register("t", 3, ref=one)
    topics.register("u", 4, ref=one)
    assert sorted(entry.value for entry in topics.lookup("t")) == [1, 2, 3]
    assert topics.values("t", ref=one) == (1, 3)
    assert topics.keys(one) == ("t", "t", "u")
    assert [entry.ref for entry in topics.match("t", lambda value: value == 2)] == [two]
    assert [entry.value for entry in topics.select(lambda entry: entry.ref is one and entry.value > 1)] == [3, 4]
    assert topics.unregister_match("t", lambda value: value == 3, ref=one) == 1
    assert topics.values("t", ref=one) == (1,)
    topics.register("t", 5, ref=one)
    assert topics.unregister("t", ref=one)
    assert pairs(topics, "t") == [(two, 2)]
    assert topics.count() == 2


@pytest.mark.parametrize(
    "question",
    [
        lambda found, ref: found.whereis("k"),
        lambda found, ref: found.via("k"),
        lambda found, ref: found.update_value("k", abs, ref=ref),
    ],
)
def test_what_needs_one_holder_is_refused_for_duplicate_keys(
    system: ActorSystem, question: Callable[[Registry[str, int], ActorRef], object]
) -> None:
    topics, one = bag(system), system.spawn(Puppet)
    topics.register("k", 1, ref=one)
    with pytest.raises(ValueError, match="expected unique keys"):
        question(topics, one)


def test_other_kinds_of_keys_are_refused(system: ActorSystem) -> None:
    with pytest.raises(ValueError, match="expected keys to be 'unique' or 'duplicate', got 'some'"):
        Registry(system, "r", keys="some")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_dispatch_reaches_everybody_but_the_dead(system: ActorSystem) -> None:
    topics, refs = bag(system), [system.spawn(Puppet) for _ in range(3)]
    for number, ref in enumerate(refs):
        topics.register("t", number, ref=ref)

    def send(entry: Entry[str, int]) -> None:
        if entry is first:
            refs[1].kill()  # after the lookup, before its turn
        entry.ref.tell("hello")

    first = topics.lookup("t")[0]
    result = topics.dispatch("t", send)
    assert (result.sent, [failure.ref for failure in result.failures]) == (2, [refs[1]])
    assert isinstance(result.failures[0].error, ActorDeadError)
    assert topics.tell_all("t", "again").sent == 2
    assert [ref.ask(lambda puppet: list(puppet.seen)) for ref in (refs[0], refs[2])] == [["hello", "again"]] * 2
    with pytest.raises(ZeroDivisionError):
        topics.dispatch("t", lambda _entry: 1 / 0)


# Kept keys.


class Family:
    """A child and whoever begins its lives."""

    def __init__(self, system: ActorSystem, probe: Probe) -> None:
        self.system, self.probe = system, probe
        self.spec = ChildSpec(id="a", start=Script().start)
        self.ref = system.begin(self.spec, parent=probe.ref, ref=None, on_outcome=probe.outcome)
        probe.expect(Started)

    def end(self) -> None:
        self.ref.tell(crash())
        self.probe.fish(Exit)

    def again(self) -> None:
        self.system.begin(self.spec, parent=self.probe.ref, ref=self.ref, on_outcome=self.probe.outcome)
        self.probe.expect(Started)


def test_an_entry_ends_with_its_life_unless_it_is_kept(system: ActorSystem, probe: Probe) -> None:
    rooms, child = registry(system), Family(system, probe)
    rooms.register("plain", 1, ref=child.ref)
    rooms.register("kept", 2, ref=child.ref, keep=True)
    rooms.update_value("kept", lambda n: n + 1, ref=child.ref)
    child.end()
    assert rooms.count() == 0
    child.again()
    assert rooms.keys(child.ref) == ("kept",)
    assert rooms.values("kept", ref=child.ref) == (3,)
    assert rooms.whereis("kept") is child.ref


def test_a_kept_key_can_be_taken_between_two_lives_and_then_comes_back_later(system: ActorSystem, probe: Probe) -> None:
    rooms, child, other = registry(system), Family(system, probe), system.spawn(Puppet)
    rooms.register("k", 1, ref=child.ref, keep=True)
    child.end()
    rooms.register("k", 2, ref=other)
    child.again()
    assert rooms.whereis("k") is other
    other.stop()
    child.end()
    child.again()
    assert pairs(rooms, "k") == [(child.ref, 1)]


def test_what_is_unregistered_is_kept_no_more(system: ActorSystem, probe: Probe) -> None:
    topics, child = bag(system), Family(system, probe)
    for number, key in enumerate("aab"):
        topics.register(key, number, ref=child.ref, keep=True)
    child.end()
    assert topics.unregister("b", ref=child.ref)  # in between, too
    assert not topics.unregister("b", ref=child.ref)
    child.again()
    assert topics.keys(child.ref) == ("a", "a")
    assert topics.unregister_match("a", lambda value: value == 0, ref=child.ref) == 1
    child.end()
    child.again()
    assert topics.values("a", ref=child.ref) == (1,)


def test_a_life_that_is_over_before_it_gets_what_is_kept_for_it_gets_nothing(system: ActorSystem, probe: Probe) -> None:
    rooms, child = registry(system), Family(system, probe)
    rooms.register("k", 1, ref=child.ref, keep=True)
    child.end()
    rooms.resume(child.ref)
    assert rooms.count() == 0


def test_what_is_kept_keeps_no_ref_alive(system: ActorSystem, probe: Probe) -> None:
    rooms, child = registry(system), Family(system, probe)
    rooms.register("k", 1, ref=child.ref, keep=True)
    child.ref.stop()
    probe.fish(Exit)
    gone = weakref.ref(child.ref)
    del child
    probe.sync(probe.ref)  # its last message, the exit of the child, is not in hand any more
    gc.collect()
    assert gone() is None


# Listeners.


def test_listeners_hear_of_everything_in_order(system: ActorSystem, probe: Probe) -> None:
    heard: list[object] = []
    rooms: Registry[str, int] = Registry(system, "r", listeners=(probe.ref, heard.append))
    one = system.spawn(Puppet)
    rooms.register("a", 1, ref=one)
    rooms.register("b", 2, ref=one)
    rooms.unregister("a", ref=one)
    one.stop()
    expected = [
        Registered("r", "a", one, 1),
        Registered("r", "b", one, 2),
        Unregistered("r", "a", one, 1),
        Unregistered("r", "b", one, 2),
    ]
    assert heard == expected
    assert [probe.expect(type(event)) for event in expected] == expected


def test_what_a_listener_does_to_the_registry_is_told_after_what_it_heard(system: ActorSystem) -> None:
    rooms, one = registry(system), system.spawn(Puppet)
    heard: list[object] = []

    def echo(event: Registered | Unregistered) -> None:
        if event.key == "a":
            rooms.register("b", 2, ref=one)  # no lock is held: this does not hang
        heard.append(event.key)

    remove = rooms.add_listener(echo)
    rooms.register("a", 1, ref=one)
    remove()
    remove()
    rooms.register("c", 3, ref=one)
    assert heard == ["a", "b"]


def test_a_listener_that_raises_harms_nobody(system: ActorSystem) -> None:
    failed = system.bus.collect(CallbackFailed)
    heard: list[object] = []

    def fail(_event: object) -> None:
        raise ActorDeadError("somebody else")

    rooms: Registry[str, int] = Registry(system, "r", listeners=(fail, heard.append))
    rooms.register("k", 1, ref=system.spawn(Puppet))
    assert len(heard) == 1
    assert "somebody else" in str(failed.get())


@pytest.mark.dispatchers("thread", "pool")  # its handlers hold up their thread
def test_a_listener_with_a_full_mailbox_hears_all_and_one_that_is_down_hears_nothing(system: ActorSystem) -> None:
    hold = Hold()
    full = system.spawn(Puppet, options=SpawnOptions(mailbox=MailboxOptions(maxsize=1)))
    down, one = system.spawn(Puppet), system.spawn(Puppet)
    rooms: Registry[str, int] = Registry(system, "r", listeners=(down, full))
    down.stop()
    heard: list[object] = []

    def keep(puppet: Puppet) -> None:
        puppet.seen = heard
        hold(puppet)

    full.tell(keep)
    hold.wait_reached()
    for key in "abc":
        rooms.register(key, 0, ref=one)
    hold.release()
    full.stop()
    assert heard == [Registered("r", key, one, 0) for key in "abc"]


def test_a_listener_may_be_a_name(system: ActorSystem) -> None:
    rooms: Registry[str, int] = Registry(system, "r", listeners=(system.named("ear"),))
    one = system.spawn(Puppet)
    rooms.register("a", 0, ref=one)
    ear = system.spawn(Puppet, options=SpawnOptions(name="ear"))
    rooms.register("b", 0, ref=one)
    assert ear.ask(lambda puppet: [event.key for event in puppet.seen]) == ["b"]


def test_a_closed_registry_forgets_all(system: ActorSystem) -> None:
    heard: list[object] = []
    rooms: Registry[str, int] = Registry(system, "r", listeners=(heard.append,))
    one = system.spawn(Puppet)
    rooms.register("a", 1, ref=one)
    rooms.register("b", 2, ref=one, keep=True)
    rooms.close()
    assert rooms.count() == 0
    assert heard[2:] == [Unregistered("r", "a", one, 1), Unregistered("r", "b", one, 2)]
    with pytest.raises(ValueError, match="'r': register: expected an open registry"):
        rooms.register("a", 1, ref=one)
    gone = weakref.ref(rooms)
    del rooms
    gc.collect()
    assert gone() is None  # the system has forgotten it too


def test_of_registering_and_ending_at_once_nothing_stays_behind(system: ActorSystem) -> None:
    rooms = registry(system)
    for number in range(40):
        one = system.spawn(Puppet)
        start = threading.Barrier(2)

        def kill(one: ActorRef = one, start: threading.Barrier = start) -> None:
            start.wait(5)
            one.kill()

        killer = threading.Thread(target=kill)
        killer.start()
        start.wait(5)
        try:
            rooms.register(str(number), 0, ref=one)
        except ActorDeadError:
            pass
        killer.join(5)
    assert rooms.count() == 0
