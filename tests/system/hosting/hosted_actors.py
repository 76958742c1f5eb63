"""Actors that the tests of hosting start in processes of their own. No test in here."""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import os
import random
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from regrow.actors import Actor, ActorRef, ChildSpec, Counters, Describe, Down, Exit, Ignore, Isolation, Start
from regrow.actors.hosting import Command, CommandActor
from regrow.actors.outcome import StartWaiter
from regrow.protocol.exits import ExitReason
from regrow.protocol.host.messages import LogRecord
from regrow.protocol.records import record


@record("hosting.order")
@dataclass(frozen=True)
class Order:
    """Do `what` with `value`."""

    what: str
    value: object = None


class Puppet(Actor):
    """Does what it is told."""

    def __init__(self, *args: object, trap: bool = False, report_to: ActorRef | None = None) -> None:
        super().__init__()
        self.args = args
        self.trap_exit = trap
        self.report_to = report_to
        self.deaf = False
        self.kept: list[ActorRef] = []

    def on_start(self) -> None:
        self.start_info = {"pid": os.getpid()}
        if self.args and self.args[0] == "fail":
            raise ValueError("cannot start")
        if self.args and self.args[0] == "ignore":
            raise Ignore
        if self.args and self.args[0] == "hang":
            time.sleep(60)
        if self.args and self.args[0] == "exit":
            os._exit(7)
        if self.args and self.args[0] == "full":
            self.take_all_descriptors()

    def take_all_descriptors(self) -> None:
        self.taken: list[int] = []
        with contextlib.suppress(OSError):
            while True:
                self.taken.append(os.open(os.devnull, os.O_RDONLY))

    def on_stop_request(self, reason: ExitReason) -> None:
        if not self.deaf:
            self.exit(reason)

    def on_stop(self) -> None:
        if self.report_to is not None:
            self.report_to.tell(("stopping", os.getpid()))

    def on_receive(self, message: object) -> object:
        if isinstance(message, Exit | Down):
            if self.report_to is not None:
                self.report_to.tell(("signal", type(message).__name__, message.reason))
            return None
        if not isinstance(message, Order):
            return message
        return getattr(self, "do_" + message.what)(message.value)

    def do_echo(self, value: object) -> object:
        return value

    def do_dice(self, _value: object) -> tuple[float, float]:
        return random.random(), self.system.rng.random()

    def do_pid(self, _value: object) -> int:
        return os.getpid()

    def do_facts(self, _value: object) -> dict[str, object]:
        return {
            "args": self.args,
            "cwd": str(Path.cwd()),
            "path": sys.path,
            "pythonpath": os.environ.get("PYTHONPATH"),
            "env": os.environ.get("HOSTED_TEST"),
            "malloc": os.environ.get("MALLOC_TRIM_THRESHOLD_"),
            "nice": os.nice(0),
            "sid": os.getsid(0),
            "fds": {int(fd.name) for fd in Path("/proc/self/fd").iterdir()},
            "name": self.name,
            "urn": self.ref.urn,
        }

    def do_raise(self, text: object) -> None:
        raise ValueError(text)

    def do_sys_exit(self, code: object) -> None:
        sys.exit(code)  # type: ignore[arg-type]

    def do_os_exit(self, code: int) -> None:
        os._exit(code)

    def do_stderr_and_exit(self, text: str) -> None:
        os.write(2, text.encode())
        os._exit(9)

    def do_kill_self(self, signo: int) -> None:
        faulthandler.disable()
        os.kill(os.getpid(), signo)
        time.sleep(30)

    def do_segfault(self, _value: object) -> None:
        ctypes.string_at(0)

    def do_print(self, text: str) -> None:
        sys.stdout.write(f"{text}\n")

    def do_print_error(self, text: str) -> None:
        sys.stderr.write(f"{text}\n")

    def do_sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def do_hold_gil(self, seconds: float) -> None:
        ctypes.PyDLL(None).usleep(int(seconds * 1e6))

    def do_deafen(self, _value: object) -> None:
        self.deaf = True

    def do_ignore_sigterm(self, _value: object) -> None:
        self.deaf = True
        ctypes.CDLL(None).signal(signal.SIGTERM, 1)

    def do_garbage(self, _value: object) -> None:
        for fd in list(Path("/proc/self/fd").iterdir()):
            if fd.is_symlink() and str(fd.readlink()).startswith("socket:"):
                os.write(int(fd.name), b"print statements on the wire\n" * 4)

    def do_log(self, count: int) -> None:
        link = self.system.host_link
        assert link is not None
        for number in range(count):
            link.log(LogRecord(level="INFO", text=f"line {number}", at=0.0))

    def do_log_and_die(self, count: int) -> None:
        self.do_log(count)
        raise RuntimeError("after the logs")

    def do_describe_hand(self, text: str) -> None:
        self.system.host_link.in_hand(text)  # type: ignore[union-attr]
        os.kill(os.getpid(), signal.SIGKILL)

    def do_tell(self, value: tuple[ActorRef, object]) -> None:
        value[0].tell(value[1])

    def do_broadcast(self, value: tuple[list[ActorRef], object]) -> int:
        return self.system.hosting.broadcast(*value).sent

    def do_count(self, value: tuple[Counters, str, int]) -> int:
        counters, name, times = value
        self.counters = counters
        for _ in range(times):
            counters.add(name)
        return counters.read()[name]

    def do_count_own(self, name: str) -> int:
        counters: Counters = self.args[1]["in"]  # type: ignore[index]
        return self.do_count((counters, name, 1))

    def do_ask(self, value: tuple[ActorRef, object]) -> object:
        return value[0].ask(value[1], timeout=5)

    def do_keep(self, ref: ActorRef) -> bool:
        self.kept.append(ref)
        return ref.is_alive()

    def do_look(self, ref: ActorRef) -> object:
        return ref.statistics().state, ref.get_state()["args"], ref.replace_state(lambda state: {**state, "args": 1})

    def do_lock(self, _value: object) -> None:
        self.lock = threading.Lock()

    def do_link(self, ref: ActorRef) -> None:
        self.link(ref)

    def do_unlink(self, ref: ActorRef) -> None:
        self.unlink(ref)

    def do_monitor(self, ref: ActorRef) -> int:
        return self.monitor(ref)

    def do_self(self, _value: object) -> ActorRef:
        return self.ref

    def do_spawn(self, _value: object) -> ActorRef:
        ref = self.system.spawn(Puppet)
        self.kept.append(ref)
        return ref

    def do_fork(self, _value: object) -> int:
        pid = os.fork()
        if pid == 0:
            time.sleep(60)
            os._exit(0)
        return pid

    def do_nest(self, launcher: str) -> int:
        return int(self.start_inner(launcher).ask(Order("pid"), timeout=20))

    def start_inner(self, launcher: str) -> ActorRef:
        waiter = StartWaiter()
        spec = ChildSpec(id="inner", start=Start(Puppet), isolation=Isolation.PROCESS, launcher=launcher)  # type: ignore[arg-type]
        self.system.begin(spec, parent=self.ref, ref=None, on_outcome=waiter)
        ref = waiter.wait()
        self.kept.append(ref)
        return ref

    def do_environment(self, _value: object) -> dict[str, object]:
        return dict(self.system.environment_data)

    def do_set_environment(self, value: tuple[str, object]) -> None:
        self.system.environment_data[value[0]] = value[1]

    def do_nested_environment(self, launcher: str) -> object:
        return self.start_inner(launcher).ask(Order("environment"), timeout=20)

    def do_allocate(self, size: int) -> int:
        return len(bytearray(size))

    def do_bytes(self, size: int) -> bytes:
        return bytes(size)

    def do_grow(self, size: int) -> int:
        self.memory = [b"x" * (1 << 20) for _ in range(size >> 20)]
        return len(self.memory)

    def do_set(self, _value: object) -> object:
        return {1, 2}, (3, 4)

    def do_unencodable(self, _value: object) -> object:
        return self


class CommandHost(Actor):
    """Runs a program in a session of its own."""

    def on_receive(self, message: object) -> object:
        ref = self.system.spawn(CommandActor, Command(("sleep", "60")))
        return ref.ask(Describe(), timeout=20).pid


def puppet_start(*args: object) -> Start:
    """A start function, called in the process that the child lives in."""
    return Start(Puppet, ("made by a function", *args))


not_callable = 42


def tree_start() -> Start:
    """A supervision tree for a process of its own."""
    from regrow.supervision import Supervisor, SupervisorSpec

    leaves = tuple(ChildSpec(id=name, start=Start(Puppet, (name,)), name=name) for name in ("left", "right"))
    return Start(Supervisor, (SupervisorSpec(children=leaves),))
