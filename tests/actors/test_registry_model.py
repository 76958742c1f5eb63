"""Registries and groups against models of a few lines: whatever happens in whatever order, they say the same."""

from __future__ import annotations

import queue
from collections import Counter
from collections.abc import Callable, Hashable
from unittest import TestCase

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from regrow.actors import (
    ActorDeadError,
    ActorRef,
    ActorSystem,
    ChildSpec,
    GroupJoined,
    GroupLeft,
    KeyTaken,
    Registered,
    Registry,
    Started,
    StartOutcome,
    Unregistered,
)
from regrow.actors.testing import ManualClock, Puppet, Script

KEYS = st.sampled_from("abc")
VALUES = st.integers(0, 2)
ENDS: dict[str, Callable[[ActorRef], object]] = {"stop": ActorRef.stop, "kill": ActorRef.kill}


class World(RuleBasedStateMachine):
    """Actors that live, end, and live again."""

    def __init__(self) -> None:
        super().__init__()
        self.system = ActorSystem("model", clock=ManualClock())
        self.outcomes: queue.Queue[StartOutcome] = queue.Queue()
        self.spec = ChildSpec(id="a", start=Script().start)
        self.living: list[ActorRef] = []

    actors = Bundle("actors")

    @initialize(target=actors)
    def some_live(self) -> object:
        return multiple(self.begin(None), self.begin(None))

    @rule(target=actors)
    def one_more_lives(self) -> ActorRef:
        return self.begin(None)

    def begin(self, ref: ActorRef | None) -> ActorRef:
        ref = self.system.begin(self.spec, parent=None, ref=ref, on_outcome=self.outcomes.put)
        assert isinstance(self.outcomes.get(timeout=5), Started)
        self.living.append(ref)
        return ref

    def end(self, ref: ActorRef, how: str) -> bool:
        if ref not in self.living:
            return False
        ENDS[how](ref)
        self.living.remove(ref)
        return True

    def teardown(self) -> None:
        assert self.system.shutdown(5.0) == ()


class RegistryMachine(World):
    """A registry, and the list of what is in it."""

    unique = True

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[object] = []
        self.registry: Registry[str, int] = Registry(
            self.system, "r", keys="unique" if self.unique else "duplicate", listeners=(self.heard.append,)
        )
        self.entries: list[tuple[str, ActorRef, int]] = []
        self.kept: list[tuple[str, ActorRef, int]] = []
        self.expected: list[tuple[type[object], str, ActorRef, int]] = []

    def add(self, key: str, ref: ActorRef, value: int) -> None:
        self.entries.append((key, ref, value))
        self.expected.append((Registered, key, ref, value))

    def drop(self, entries: list[tuple[str, ActorRef, int]]) -> None:
        for entry in entries:
            self.entries.remove(entry)
            self.expected.append((Unregistered, *entry))

    def free(self, key: str) -> bool:
        return not self.unique or all(entry[0] != key for entry in self.entries)

    def own(self, key: str, ref: ActorRef) -> list[tuple[str, ActorRef, int]]:
        return [entry for entry in self.entries if entry[:2] == (key, ref)]

    @rule(ref=World.actors, key=KEYS, value=VALUES, keep=st.booleans())
    def register(self, ref: ActorRef, key: str, value: int, keep: bool) -> None:
        try:
            self.registry.register(key, value, ref=ref, keep=keep)
        except ActorDeadError:
            assert ref not in self.living
        except KeyTaken:
            assert not self.free(key)
        else:
            assert ref in self.living
            assert self.free(key)
            self.add(key, ref, value)
            if keep:
                self.kept.append((key, ref, value))

    @rule(ref=World.actors, key=KEYS)
    def unregister(self, ref: ActorRef, key: str) -> None:
        own = self.own(key, ref)
        kept = [entry for entry in self.kept if entry[:2] == (key, ref)]
        assert self.registry.unregister(key, ref=ref) == bool(own or kept)
        self.drop(own)
        self.kept = [entry for entry in self.kept if entry not in kept]

    @rule(ref=World.actors, key=KEYS, value=VALUES)
    def unregister_match(self, ref: ActorRef, key: str, value: int) -> None:
        own = [entry for entry in self.own(key, ref) if entry[2] == value]
        assert self.registry.unregister_match(key, lambda one: one == value, ref=ref) == len(own)
        self.drop(own)
        self.kept = [entry for entry in self.kept if entry != (key, ref, value)]

    @rule(ref=World.actors, key=KEYS, value=VALUES)
    def update_value(self, ref: ActorRef, key: str, value: int) -> None:
        if not self.unique:
            return
        own = self.own(key, ref)
        answer = self.registry.update_value(key, lambda _old: value, ref=ref)
        assert answer == ((value, own[0][2]) if own else None)
        if own:
            self.entries[self.entries.index(own[0])] = (key, ref, value)
            self.kept = [(key, ref, value) if entry[:2] == (key, ref) else entry for entry in self.kept]

    @rule(ref=World.actors, how=st.sampled_from(sorted(ENDS)))
    def one_ends(self, ref: ActorRef, how: str) -> None:
        if self.end(ref, how):
            own: dict[str, list[tuple[str, ActorRef, int]]] = {}
            for entry in self.entries:
                if entry[1] is ref:
                    own.setdefault(entry[0], []).append(entry)
            self.drop([entry for same in own.values() for entry in same])

    @rule(ref=World.actors)
    def one_lives_again(self, ref: ActorRef) -> None:
        if ref not in self.living:
            for entry in self.kept:
                if entry[1] is ref and self.free(entry[0]):
                    self.add(*entry)
            self.begin(ref)

    @invariant()
    def both_say_the_same(self) -> None:
        assert self.registry.count() == len(self.entries)
        for key in "abc":
            expected = Counter(entry for entry in self.entries if entry[0] == key)
            assert Counter((e.key, e.ref, e.value) for e in self.registry.lookup(key)) == expected
            if self.unique:
                holder = next((ref for own, ref, _ in self.entries if own == key), None)
                assert self.registry.whereis(key) is holder
        for ref in self.living:
            assert Counter(self.registry.keys(ref)) == Counter(key for key, own, _ in self.entries if own is ref)
        assert Counter((e.key, e.ref, e.value) for e in self.registry.select(lambda _: True)) == Counter(self.entries)

    @invariant()
    def listeners_have_heard_all(self) -> None:
        events = [e for e in self.heard if isinstance(e, Registered | Unregistered)]
        assert Counter((type(e), e.key, e.ref, e.value) for e in events) == Counter(self.expected)
        assert [type(e) for e in events] == [kind for kind, *_ in self.expected]


class BagMachine(RegistryMachine):
    """The same with duplicate keys."""

    unique = False


class GroupsMachine(World):
    """Groups, who is in them, and what each watcher should have heard."""

    def __init__(self) -> None:
        super().__init__()
        self.memberships: Counter[tuple[Hashable, ActorRef]] = Counter()
        self.watched: dict[int, tuple[ActorRef, Hashable]] = {}
        self.counts: dict[int, Counter[tuple[Hashable, ActorRef]]] = {}
        self.watchers: list[ActorRef] = [self.begin(None) for _ in range(2)]

    numbers = Bundle("numbers")

    def of(self, group: Hashable) -> Counter[ActorRef]:
        return Counter({ref: n for (own, ref), n in self.memberships.items() if own == group and n})

    @rule(group=KEYS, refs=st.lists(World.actors, min_size=1, max_size=3))
    def join(self, group: str, refs: list[ActorRef]) -> None:
        try:
            self.system.groups.join(group, *refs)
        except ActorDeadError:
            assert not set(refs) <= set(self.living)
        else:
            self.memberships.update((group, ref) for ref in refs)

    @rule(group=KEYS, refs=st.lists(World.actors, min_size=1, max_size=3))
    def leave(self, group: str, refs: list[ActorRef]) -> None:
        before = self.memberships.copy()
        for ref in refs:
            if self.memberships[group, ref]:
                self.memberships[group, ref] -= 1
        assert self.system.groups.leave(group, *refs) == (before != self.memberships)

    @rule(ref=World.actors, how=st.sampled_from(sorted(ENDS)))
    def one_ends(self, ref: ActorRef, how: str) -> None:
        if self.end(ref, how):
            self.memberships = Counter({pair: n for pair, n in self.memberships.items() if pair[1] is not ref})

    @rule(ref=World.actors)
    def one_lives_again(self, ref: ActorRef) -> None:
        if ref not in self.living:
            self.begin(ref)

    @rule(target=numbers, watcher=st.integers(0, 1), group=KEYS)
    def monitor(self, watcher: int, group: str) -> int:
        number, members = self.system.groups.monitor(group, owner=self.watchers[watcher])
        assert Counter(members) == self.of(group)
        self.watched[number] = (self.watchers[watcher], group)
        self.counts[number] = Counter((group, ref) for ref in members)
        return number

    @rule(target=numbers, watcher=st.integers(0, 1))
    def monitor_all(self, watcher: int) -> int:
        number, groups = self.system.groups.monitor_all(owner=self.watchers[watcher])
        assert {group: Counter(members) for group, members in groups.items()} == {
            group: self.of(group) for group in "abc" if self.of(group)
        }
        self.watched[number] = (self.watchers[watcher], None)
        self.counts[number] = Counter((group, ref) for group, members in groups.items() for ref in members)
        return number

    @rule(number=consumes(numbers))
    def demonitor(self, number: int) -> None:
        self.catch_up()
        known = self.watched.pop(number, None) is not None
        assert self.system.groups.demonitor(number) == known
        assert not self.system.groups.demonitor(number)

    @rule(watcher=st.integers(0, 1))
    def a_watcher_ends(self, watcher: int) -> None:
        self.catch_up()
        gone = self.watchers[watcher]
        gone.kill()
        self.living.remove(gone)
        self.watched = {number: own for number, own in self.watched.items() if own[0] is not gone}
        self.watchers[watcher] = self.begin(None)

    def catch_up(self) -> None:
        """Take what the watchers were told into account; it is never more than there is, and never below nothing."""
        for watcher in self.watchers:
            for message in watcher.ask(_take_seen, timeout=5):
                assert isinstance(message, GroupJoined | GroupLeft)
                assert message.monitor in self.watched
                changed = Counter((message.group, ref) for ref in message.refs)
                counts = self.counts[message.monitor]
                if isinstance(message, GroupJoined):
                    counts.update(changed)
                else:
                    assert changed <= counts
                    counts.subtract(changed)

    @invariant()
    def both_say_the_same(self) -> None:
        groups = [group for group in "abc" if self.of(group)]
        assert set(self.system.groups.which_groups()) == set(groups)
        memberships = self.memberships.total()
        assert repr(self.system.groups) == f"<Groups: {len(groups)} groups, {memberships} memberships>"
        for group in "abc":
            assert Counter(self.system.groups.members(group)) == self.of(group)

    @invariant()
    def watchers_know_all(self) -> None:
        self.catch_up()
        for number, (_, group) in self.watched.items():
            known = Counter({pair: n for pair, n in self.counts[number].items() if n})
            assert known == Counter(
                {pair: n for pair, n in self.memberships.items() if n and (group is None or pair[0] == group)}
            )


def _take_seen(puppet: Puppet) -> list[object]:
    seen, puppet.seen = puppet.seen, []
    return seen


def _cases(machine: type[World]) -> type[TestCase]:
    case = machine.TestCase
    if settings.get_current_profile_name() != "soak":
        case.settings = settings(max_examples=25, stateful_step_count=25)
    return case


TestRegistry = _cases(RegistryMachine)
TestBag = _cases(BagMachine)
TestGroups = _cases(GroupsMachine)
