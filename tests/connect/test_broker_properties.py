"""Whatever workers and time do: no request is lost, settles twice or has two leases, no worker gets too much."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from regrow.connect.broker import (
    BrokerCore,
    BrokerSettings,
    Disconnect,
    Event,
    PeerJoined,
    PeerLeft,
    PeerSaid,
    RetryPolicy,
    Send,
    TimePassed,
)
from regrow.connect.store import SaveLease, SaveOutcome, SaveRequest
from regrow.protocol.session.messages import (
    Accepted,
    Ack,
    Await,
    Busy,
    Cancel,
    Closing,
    Connect,
    ExtendLease,
    Failure,
    InFlight,
    Invoke,
    Lease,
    Message,
    Outcome,
    Pause,
    Result,
    ResultAck,
    Settled,
    Submit,
    Success,
    Terms,
)

FUNCTIONS = ("f", "g")
GPU = {"gpu": "a100"}


@dataclass
class FakeWorker:
    """A worker as seen from outside: what it was told to run; it may lie about nothing but be as slow as it likes."""

    instance: str
    capacity: int
    functions: tuple[str, ...]
    labels: dict[str, str]
    epoch: int = 0
    connection: str = ""
    running: dict[str, int] = field(default_factory=dict)


class World:
    """A broker, some workers, one client, and the promises that are checked after every event."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        config = BrokerSettings(lease=10.0, unknown_function_grace=None, result_retention=1e9)
        self.core = BrokerCore(config, generation=1, rng=self.rng, retry=RetryPolicy(base=0.5, cap=2.0))
        self.now = 0.0
        self.connections = 0
        self.workers = [
            FakeWorker(
                f"w{n}",
                self.rng.randint(1, 3),
                tuple(self.rng.sample(FUNCTIONS, self.rng.randint(1, 2))),
                GPU if n % 2 else {},
            )
            for n in range(4)
        ]
        self.submitted: list[str] = []
        self.accepted: set[str] = set()
        self.settled: dict[str, Outcome] = {}
        self.outcomes_saved: dict[str, int] = {}
        self.saved: set[str] = set()
        self.leases: dict[str, tuple[str, int]] = {}
        self.last_lease = 0
        self.do(PeerJoined("client", Connect(role="client", token="", instance="c")))

    def do(self, event: Event) -> None:
        for command in self.core.receive(event, self.now):
            match command:
                case SaveRequest(request_id=request_id):
                    assert request_id not in self.saved
                    self.saved.add(request_id)
                case SaveLease(lease_id=lease_id):
                    self.last_lease = max(self.last_lease, lease_id)
                case SaveOutcome(request_id=request_id):
                    self.outcomes_saved[request_id] = self.outcomes_saved.get(request_id, 0) + 1
                    assert self.outcomes_saved[request_id] == 1, "settled twice"
                case Send(connection, message):
                    self.deliver(connection, message)
                case Disconnect(connection):
                    for worker in self.workers:
                        if worker.connection == connection:
                            worker.connection = ""
                case _:
                    pass
        self.check()

    def deliver(self, connection: str, message: Message) -> None:
        match message:
            case Accepted(request_id=request_id):
                self.accepted.add(request_id)
            case Settled(request_id=request_id, outcome=outcome):
                assert self.settled.setdefault(request_id, outcome) == outcome
            case Invoke(request_id=request_id, lease_id=lease_id):
                worker = self.owner(connection)
                assert lease_id > self.leases.get(request_id, ("", 0))[1], "lease ids must grow"
                assert message.function in worker.functions
                terms = self.core._book.need(request_id).terms
                assert terms.labels.items() <= worker.labels.items()
                assert self.now >= self.core._book.need(request_id).submitted + terms.delay_ms / 1000
                assert request_id not in self.settled
                self.leases[request_id] = (worker.instance, lease_id)
                worker.running[request_id] = lease_id
            case Lease(request_id=request_id, lease_id=lease_id, lost=True):
                worker = self.owner(connection)
                if worker.running.get(request_id) == lease_id:
                    del worker.running[request_id]
            case ResultAck(request_id=request_id, lease_id=lease_id):
                pass
            case _:
                pass

    def owner(self, connection: str) -> FakeWorker:
        (worker,) = [worker for worker in self.workers if worker.connection == connection]
        return worker

    def check(self) -> None:
        desk = self.core._desk
        for worker in desk.workers.values():
            assert len(worker.slots) <= max(worker.capacity, 0) or not worker.connection, "more than its capacity"
        held = [
            request_id
            for worker in desk.workers.values()
            for request_id, slot in worker.slots.items()
            if desk.held(worker, request_id, slot.lease_id)
        ]
        assert len(held) == len(set(held)), "two live leases"
        for worker in desk.by_connection.values():
            if worker.available:
                waits = self.core._book.waiting.next_for(worker.functions, worker.labels)
                assert waits is None, "work waits beside a free worker"
        lanes = self.core._book.lanes._lanes
        parked = {request_id for lane in lanes.values() for request_id in lane.waiting}
        for lane in lanes.values():
            most = max(self.core._book.need(each).terms.key_concurrency for each in lane.under_way)
            assert 0 < len(lane.under_way) <= most, "more with one key are under way than its concurrency"
        for request in self.core._book.open_requests():
            places = (
                request.request_id in held,
                request.request_id in self.core._book.waiting.of(request.queue),
                request.request_id in parked,
                request.state == "retry_wait",
            )
            assert sum(places) == 1, f"{request.request_id} is {request.state} and in {places}"

    # ── what can happen ──────────────────────────────────────────────────────────────────────────────────────────

    def submit(self) -> None:
        request_id = f"r{len(self.submitted)}"
        self.submitted.append(request_id)
        deadline = self.rng.choice([None, None, 5_000])
        terms = Terms(
            delay_ms=self.rng.choice([0, 0, 0, 700, 3_000]),
            key=self.rng.choice(["", "", "k1", "k2"]),
            key_concurrency=self.rng.choice([1, 1, 2]),
            labels=self.rng.choice([{}, {}, GPU]),
            affinity=self.rng.choice(["", "", "model"]),
            result_ttl_ms=self.rng.choice([None, None, 500]),
        )
        submit = Submit(
            request_id=request_id,
            function=self.rng.choice(FUNCTIONS),
            arguments=b"",
            deadline_ms=deadline,
            terms=self.rng.choice([None, terms, terms]),
        )
        self.do(PeerSaid("client", submit))
        self.do(PeerSaid("client", Await(request_ids=(request_id,))))

    def join(self) -> None:
        worker = self.rng.choice(self.workers)
        if not worker.connection or self.rng.random() < 0.3:
            if self.rng.random() < 0.3:
                worker.running.clear()  # its main process is new as well, and has forgotten
            worker.epoch += 1
            self.connections += 1
            worker.connection = f"{worker.instance}#{self.connections}"
            claims = tuple(InFlight(request_id=r, lease_id=lease) for r, lease in worker.running.items())
            connect = Connect(
                role="worker",
                token="",
                instance=worker.instance,
                epoch=worker.epoch,
                functions=worker.functions,
                capacity=worker.capacity,
                in_flight=claims,
                labels=worker.labels,
            )
            self.do(PeerJoined(worker.connection, connect))

    def leave(self) -> None:
        if (worker := self.connected()) is not None:
            connection, worker.connection = worker.connection, ""
            self.do(PeerLeft(connection))

    def finish(self) -> None:
        worker = self.connected()
        if worker is None or not worker.running:
            return
        request_id = self.rng.choice(list(worker.running))
        lease_id = worker.running.pop(request_id)
        outcome = self.rng.choice(
            [Success(b""), Success(b""), Failure("executor_died", "", ""), Failure("error", "E", "")]
        )
        for _ in range(self.rng.randint(1, 2)):
            self.do(PeerSaid(worker.connection, Result(request_id=request_id, lease_id=lease_id, outcome=outcome)))

    def say(self) -> None:
        worker = self.connected()
        if worker is None:
            return
        request_id, lease_id = self.rng.choice([*worker.running.items(), ("none", 0)])
        message = self.rng.choice(
            [
                Ack(request_id=request_id, lease_id=lease_id),
                ExtendLease(requests=(InFlight(request_id=request_id, lease_id=lease_id),)),
                Busy(request_id=request_id, lease_id=lease_id),
                Pause(),
                Closing(reason="", release=True),
            ]
        )
        if isinstance(message, Busy):
            worker.running.pop(request_id, None)
        if isinstance(message, Closing):
            worker.running.clear()
        self.do(PeerSaid(worker.connection, message))

    def cancel(self) -> None:
        if self.submitted:
            self.do(PeerSaid("client", Cancel(request_id=self.rng.choice(self.submitted))))

    def wait(self) -> None:
        self.now += self.rng.choice([0.01, 0.5, 4.0, 11.0])
        self.do(TimePassed())

    def connected(self) -> FakeWorker | None:
        connected = [worker for worker in self.workers if worker.connection]
        return self.rng.choice(connected) if connected else None

    def run_to_the_end(self) -> None:
        """Let well-behaved workers finish everything."""
        for worker in self.workers:
            worker.functions, worker.connection, worker.capacity, worker.labels = FUNCTIONS, "", 3, GPU
            worker.running.clear()
            worker.epoch += 1
            self.connections += 1
            worker.connection = f"{worker.instance}#{self.connections}"
            connect = Connect(
                role="worker",
                token="",
                instance=worker.instance,
                epoch=worker.epoch,
                functions=FUNCTIONS,
                capacity=3,
                labels=GPU,
            )
            self.do(PeerJoined(worker.connection, connect))
        for _ in range(1000):
            for worker in self.workers:
                for request_id, lease_id in list(worker.running.items()):
                    worker.running.pop(request_id)
                    result = Result(request_id=request_id, lease_id=lease_id, outcome=Success(b""))
                    self.do(PeerSaid(worker.connection, result))
            if len(self.settled) == len(self.submitted):
                return
            self.now += 1.0
            self.do(TimePassed())


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), length=st.integers(1, 120))
def test_no_request_is_lost_or_settled_twice_or_leased_twice(seed: int, length: int) -> None:
    world = World(seed)
    moves = [world.submit, world.join, world.leave, world.finish, world.say, world.cancel, world.wait]
    for _ in range(length):
        world.rng.choices(moves, weights=[6, 4, 1, 6, 3, 1, 2])[0]()
    world.run_to_the_end()
    assert world.accepted == set(world.submitted) == world.saved
    assert set(world.settled) == set(world.submitted)
    assert set(world.outcomes_saved) == set(world.submitted)
    assert not len(world.core._book.lanes)
    world.now += 1.0
    world.do(TimePassed())  # what says itself how long it is kept is forgotten
    assert world.core._agenda.due() is None or len(world.core._agenda) <= 1 + len(world.workers)
