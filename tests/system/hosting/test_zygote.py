"""What a zygote keeps at hand: imported modules that can be shared, spare processes, and the newest code on demand."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import cast

import pytest
from hosted_actors import Order
from hosting_bench import WAIT, Bench, settle, stop_process

from regrow.actors import ActorExited, StartFailed
from regrow.actors.hosting import HostedRef, HostingStatistics, HostingWarning, zygote_launcher, zygote_link
from regrow.actors.hosting.rehearsal import rehearse
from regrow.actors.hosting.spares import LOST_MAX, SPARES_MAX
from regrow.actors.hosting.zygote_wire import receive
from regrow.protocol.exits import KILLED, ExitStatus

CODE = """
import os
from regrow.actors import Actor
IMPORTED_BY = os.getpid()
{more}
class Who(Actor):
    def on_receive(self, message):
        return IMPORTED_BY, os.getpid(), VERSION
"""


def now(bench: Bench) -> HostingStatistics:
    return bench.system.hosting.statistics()


def write(folder: Path, name: str, more: str = "", version: int = 1) -> str:
    (folder / f"{name}.py").write_text(CODE.format(more=f"VERSION = {version}\n{more}"))
    return f"{name}:Who"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a directory on the search path; nothing that is imported from it is cached on disk."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    return tmp_path


def who(ref: HostedRef) -> tuple[int, int, int]:
    imported_by, pid, version = ref.ask("who", timeout=WAIT)
    return imported_by, pid, version


# Sharing modules.


def test_the_module_of_a_target_is_imported_once_for_all_that_follow(zygote_bench: Bench, folder: Path) -> None:
    target = write(folder, "shared_by_all")
    imported_by, pid, _ = who(zygote_bench.start(target=target))
    assert imported_by == pid
    settle(lambda: "shared_by_all" in now(zygote_bench).shared)
    imported_by, pid, _ = who(zygote_bench.start(target=target))
    assert imported_by == zygote_bench.system.hosting.zygote_pid != pid


def test_nothing_is_shared_if_that_is_not_wanted(zygote_bench: Bench, folder: Path) -> None:
    zygote_bench.system.hosting.share_modules = False
    target = write(folder, "shared_by_nobody")
    for _ in range(3):
        imported_by, pid, _ = who(zygote_bench.start(target=target))
        assert imported_by == pid
    assert now(zygote_bench).shared == ()


@pytest.mark.parametrize(
    ("name", "rude", "said"),
    [
        ("thread", "import threading; threading.Thread(target=threading.Event().wait, daemon=True, name='rude').start()", "rude"),  # noqa: E501
        ("descriptor", "FILE = open(__file__)", "rude_descriptor.py"),
        ("environment", "os.environ['RUDE'] = '1'", "RUDE"),
        ("path", "import sys; sys.path.insert(0, '/rude')", "/rude"),
        ("directory", "os.chdir('/')", "directory"),
        ("logger", "import logging; logging.basicConfig()", "root logger"),
        ("handler", "import signal; signal.signal(signal.SIGUSR2, signal.SIG_IGN)", "signal handlers"),
        ("umask", "os.umask(0o027)", "umask"),
        ("limit", "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (200, r.getrlimit(r.RLIMIT_NOFILE)[1]))", "RLIMIT_NOFILE"),  # noqa: E501
        ("mask", "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])", "signal mask"),
        ("timer", "import signal; signal.setitimer(signal.ITIMER_VIRTUAL, 1000.0)", "timers"),
        ("priority", "os.nice(1)", "priority"),
        ("process", "import subprocess; P = subprocess.Popen(['sleep', '60'], start_new_session=True)", "processes"),
    ],
)  # fmt: skip
def test_a_module_that_leaves_something_behind_is_left_to_those_who_need_it(
    zygote_bench: Bench, folder: Path, name: str, rude: str, said: str
) -> None:
    target = write(folder, f"rude_{name}", rude)
    zygote_bench.start(target=target)
    warning = zygote_bench.events.wait(HostingWarning)
    assert f"rude_{name}" in warning.text
    assert said in warning.text
    zygote = zygote_bench.system.hosting.zygote_pid
    imported_by, pid, _ = who(zygote_bench.start(target=target))
    assert imported_by == pid
    assert zygote_bench.system.hosting.zygote_pid == zygote
    assert [module for module, _ in now(zygote_bench).unshared] == [f"rude_{name}"]


def test_a_module_whose_import_ends_the_process_does_not_end_the_zygote(zygote_bench: Bench, folder: Path) -> None:
    target = write(folder, "deadly", "os._exit(5)")
    outcome = zygote_bench.outcome(target=target)
    assert isinstance(outcome, StartFailed)
    assert outcome.reason == ExitStatus(5)
    zygote = zygote_bench.system.hosting.zygote_pid
    assert "deadly" in zygote_bench.events.wait(HostingWarning).text
    assert zygote_bench.start().ask("x", timeout=WAIT) == "x"
    assert zygote_bench.system.hosting.zygote_pid == zygote


def test_a_preloaded_module_that_starts_a_thread_costs_its_zygote_but_no_start(
    zygote_bench: Bench, folder: Path
) -> None:
    (folder / "rude_preload.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True, name='rude').start()\n"
    )
    first = zygote_bench.start()
    zygote = zygote_bench.system.hosting.zygote_pid
    zygote_bench.system.hosting.preload("rude_preload")
    assert "rude" in zygote_bench.events.wait(HostingWarning).text
    settle(lambda: zygote_bench.system.hosting.zygote_pid not in (None, zygote))
    assert zygote_bench.start().ask("x", timeout=WAIT) == "x"
    first.tell(Order("os_exit", 3))  # the one that has been replaced still sees its forks to the end
    assert zygote_bench.events.wait(ActorExited).reason == ExitStatus(3)
    settle(lambda: now(zygote_bench).zygotes == 1)
    warnings = [event for event in zygote_bench.events.all() if isinstance(event, HostingWarning)]
    assert len(warnings) == 1, warnings


# New code.


def test_code_that_has_changed_on_disk_is_taken_after_a_reload(zygote_bench: Bench, folder: Path) -> None:
    bench, target = zygote_bench, write(folder, "changing")
    first = bench.start(target=target)
    settle(lambda: "changing" in now(bench).shared)
    write(folder, "changing", version=2)
    assert who(bench.start(target=target))[2] == 1  # the same code for all, until somebody says otherwise
    zygote = bench.system.hosting.zygote_pid
    bench.system.hosting.reload()
    assert who(bench.start(target=target))[2] == 2
    assert bench.system.hosting.zygote_pid != zygote
    assert who(first)[2] == 1
    assert now(bench).zygotes == 2


def test_what_was_refused_may_be_shared_after_a_reload(zygote_bench: Bench, folder: Path) -> None:
    bench, target = zygote_bench, write(folder, "mended", "FILE = open(__file__)")
    bench.start(target=target)
    bench.events.wait(HostingWarning)
    write(folder, "mended")
    bench.system.hosting.reload()
    bench.start(target=target)
    settle(lambda: now(bench).shared == ("mended",))
    assert now(bench).unshared == ()


def test_a_reload_that_does_not_come_about_in_time_says_so(
    zygote_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    zygote_bench.start()
    monkeypatch.setattr(zygote_launcher, "HANDOVER_SECONDS", 0.01)
    go_on = threading.Event()

    def hold_up() -> None:
        go_on.wait(WAIT)

    zygote_bench.system.hosting.loop.call(hold_up)
    with pytest.raises(TimeoutError, match=r"Hosting\.reload: expected the I/O thread to do it within 0\.01 s"):
        zygote_bench.system.hosting.reload()
    go_on.set()


def test_a_zygote_that_was_replaced_ends_with_its_last_fork(zygote_bench: Bench) -> None:
    bench = zygote_bench
    refs = [bench.start() for _ in range(3)]
    for _ in range(2):
        bench.system.hosting.reload()
    refs[0].tell(Order("os_exit", 7))
    assert bench.events.wait(ActorExited).reason == ExitStatus(7)
    settle(lambda: now(bench).zygotes == 2)  # the one between them had only a spare
    for ref in refs[1:]:
        ref.stop(timeout=WAIT)
    settle(lambda: now(bench).zygotes == 1)


# Spares.


def spare_of(bench: Bench) -> int:
    settle(lambda: len(now(bench).spares) == 1)
    return now(bench).spares[0]


def test_the_next_start_becomes_the_spare_and_another_one_is_made(zygote_bench: Bench) -> None:
    bench = zygote_bench
    bench.start()
    spare = spare_of(bench)
    assert Path(f"/proc/{spare}/comm").read_text("ascii").strip() in ("regrow-spare", "python")
    assert now(bench).spare_bytes > 500_000
    ref = bench.start("one", 2)
    assert ref.pid == spare
    facts = ref.ask(Order("facts"), timeout=WAIT)
    assert facts["args"] == ("one", 2)
    assert facts["sid"] == spare
    assert spare_of(bench) != spare
    assert (now(bench).started_from_spares, now(bench).started_cold) == (1, 1)


def test_a_spare_is_like_any_other_child_when_it_has_become_one(
    zygote_bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zygote_bench.start()
    spare = spare_of(zygote_bench)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOSTED_TEST", "of now")
    ref = zygote_bench.start()
    assert ref.pid == spare
    facts = ref.ask(Order("facts"), timeout=WAIT)
    assert (facts["cwd"], facts["env"]) == (str(tmp_path), "of now")
    ref.tell(Order("os_exit", 3))
    assert zygote_bench.events.wait(ActorExited).reason == ExitStatus(3)


def test_a_spare_that_dies_is_replaced(zygote_bench: Bench) -> None:
    zygote_bench.start()
    spare = spare_of(zygote_bench)
    os.kill(spare, signal.SIGKILL)
    settle(lambda: now(zygote_bench).spares not in ((), (spare,)))
    assert now(zygote_bench).spares_lost == 1


def test_spares_that_die_again_and_again_are_no_longer_made(zygote_bench: Bench) -> None:
    zygote_bench.start()
    for lost in range(1, LOST_MAX + 1):
        os.kill(spare_of(zygote_bench), signal.SIGKILL)
        settle(lambda lost=lost: now(zygote_bench).spares_lost == lost)  # type: ignore[misc]
    assert "spare" in zygote_bench.events.wait(HostingWarning).text
    assert zygote_bench.start().ask("x", timeout=WAIT) == "x"
    assert now(zygote_bench).spares == ()


def test_a_spare_that_somebody_has_stopped_is_not_used(zygote_bench: Bench) -> None:
    zygote_bench.start()
    spare = spare_of(zygote_bench)
    stop_process(spare)
    assert zygote_bench.start().ask("x", timeout=WAIT) == "x"
    settle(lambda: not Path(f"/proc/{spare}").exists())


def test_a_spare_is_not_used_after_its_zygote_has_died(zygote_bench: Bench) -> None:
    zygote_bench.start()
    spare, zygote = spare_of(zygote_bench), zygote_bench.system.hosting.zygote_pid
    assert zygote is not None
    os.kill(zygote, signal.SIGKILL)
    zygote_bench.events.wait(HostingWarning)
    assert zygote_bench.start().pid != spare
    assert spare_of(zygote_bench) != spare  # the zygote that has replaced it has made one, too


def test_there_are_as_many_as_are_wanted(zygote_bench: Bench) -> None:
    hosting = zygote_bench.system.hosting
    hosting.spares = 0
    zygote_bench.start()
    assert zygote_bench.start().ask("x", timeout=WAIT) == "x"
    assert now(zygote_bench).spares == ()
    hosting.spares = 3
    settle(lambda: len(now(zygote_bench).spares) == 3)
    hosting.spares = 1
    settle(lambda: len(now(zygote_bench).spares) == 1)
    for wrong in (-1, SPARES_MAX + 1, True):
        with pytest.raises(ValueError, match=r"Hosting\.spares: expected an integer from 0 to 16"):
            hosting.spares = wrong


def test_an_environment_that_no_fork_can_be_told_is_executed(
    zygote_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    zygote_bench.start()
    spare_of(zygote_bench)
    for number in range(3):
        monkeypatch.setenv(f"ENORMOUS_{number}", "x" * 100_000)
    assert zygote_bench.start().ask("x", timeout=WAIT) == "x"
    assert "executing a fresh interpreter" in zygote_bench.events.wait(HostingWarning).text


def test_a_system_that_ends_leaves_no_spare() -> None:
    bench = Bench("zygote")
    bench.system.hosting.spares = 3
    bench.start()
    settle(lambda: len(now(bench).spares) == 3)
    pids = [*now(bench).spares, bench.system.hosting.zygote_pid]
    assert bench.system.shutdown() == ()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


# Forks.


def test_forks_of_one_zygote_throw_their_own_dice(zygote_bench: Bench) -> None:
    zygote_bench.system.hosting.spares = 2
    dice = [zygote_bench.start().ask(Order("dice"), timeout=WAIT) for _ in range(6)]
    assert len({python for python, _ in dice}) == 6
    assert len({system for _, system in dice}) == 6
    assert random.random() not in {python for python, _ in dice}


def test_a_fork_ignores_ctrl_c_writes_its_stacks_when_asked_and_leads_its_session(bench: Bench) -> None:
    ref = bench.start()
    assert ref.pid is not None
    assert os.getsid(ref.pid) == os.getpgid(ref.pid) == ref.pid
    os.kill(ref.pid, signal.SIGINT)
    os.kill(ref.pid, signal.SIGUSR1)
    assert ref.ask("still here", timeout=WAIT) == "still here"


def test_many_start_at_once_and_all_end(zygote_bench: Bench) -> None:
    outcomes = [zygote_bench.begin(zygote_bench.spec()) for _ in range(60)]
    refs = [outcome.get(timeout=3 * WAIT).ref for outcome in outcomes]
    pids = {ref.pid for ref in refs}  # type: ignore[attr-defined]
    assert len(pids) == 60
    assert now(zygote_bench).zygotes == 1
    for ref in refs:
        ref.shutdown()
    for _ in refs:
        zygote_bench.events.wait(ActorExited)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_a_stop_that_comes_before_the_process_does_is_obeyed(bench: Bench) -> None:
    outcomes = bench.begin(bench.spec())
    (root,) = bench.system.roots
    root.cell.kill()  # type: ignore[union-attr]
    outcome = outcomes.get(timeout=WAIT)
    assert isinstance(outcome, StartFailed)
    assert outcome.reason == KILLED


def test_a_rehearsal_leaves_nothing_behind() -> None:
    rehearse()
    before = (threading.active_count(), len(list(Path("/proc/self/fd").iterdir())))
    handlers = [signal.getsignal(signo) for signo in signal.valid_signals()]
    rehearse()
    assert (threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))) == before
    assert [signal.getsignal(signo) for signo in signal.valid_signals()] == handlers


def sockets() -> set[str]:
    found = set()
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the one that was open to look
            found.add(os.readlink(path))  # noqa: PTH115 - what it names is no path
    return {name for name in found if name.startswith("socket:")}


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_fork_of_the_host_keeps_none_of_its_sockets_open(zygote_bench: Bench) -> None:
    before = sockets()
    zygote_bench.start()
    spare_of(zygote_bench)
    assert len(sockets() - before) >= 3  # of the zygote, of a child, the cradle of the spare
    pid = os.fork()
    if pid == 0:
        os._exit(len(sockets() - before))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert zygote_bench.start().ask("x", timeout=WAIT) == "x"


# No descriptors left.


def leave_descriptors(pid: int, left: int) -> tuple[int, int]:
    """Let a process open so many more; give its limits of before."""
    open_now = {int(path.name) for path in Path(f"/proc/{pid}/fd").iterdir()}
    free = [fd for fd in range(len(open_now) + left + 1) if fd not in open_now]
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    return resource.prlimit(pid, resource.RLIMIT_NOFILE, (free[left], hard))


@pytest.mark.parametrize("left", [0, 1])
def test_a_zygote_without_descriptors_forks_nothing_until_it_has_some_again(zygote_bench: Bench, left: int) -> None:
    bench = zygote_bench
    bench.system.hosting.spares = 0
    bench.system.hosting.share_modules = False
    bench.start()
    zygote = bench.system.hosting.zygote_pid
    assert zygote is not None
    before = leave_descriptors(zygote, left)
    assert bench.start().ask("x", timeout=WAIT) == "x"
    assert "executing a fresh interpreter" in bench.events.wait(HostingWarning).text
    resource.prlimit(zygote, resource.RLIMIT_NOFILE, before)
    cold = now(bench).started_cold
    assert bench.start().ask("x", timeout=WAIT) == "x"
    assert (bench.system.hosting.zygote_pid, now(bench).started_cold) == (zygote, cold + 1)


def test_a_zygote_without_descriptors_says_whom_it_cannot_guard() -> None:
    bench = Bench("exec")
    bench.system.hosting.spares = 0
    try:
        bench.start()
        zygote = bench.system.hosting.zygote_pid
        assert zygote is not None
        bench.system.hosting.preload("no_such_module")
        assert "cannot preload" in bench.events.wait(HostingWarning).text  # it is up
        leave_descriptors(zygote, 0)
        ref = bench.start()
        bench.events.wait(HostingWarning, lambda event: f"process {ref.pid} would outlive" in event.text)
        assert bench.system.hosting.zygote_pid == zygote
    finally:
        bench.system.shutdown()


def test_a_fork_that_its_host_has_no_descriptor_for_is_a_failed_start_and_ends(
    zygote_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = zygote_bench
    bench.system.hosting.spares = 0
    assert bench.start().ask("x", timeout=WAIT) == "x"
    pids: list[int] = []

    def without_descriptors(sock: socket.socket) -> tuple[str, list[object], list[int]] | None:
        packet = receive(sock)
        if packet is None or packet[0] != "forked":
            return packet
        for fd in packet[2]:
            os.close(fd)
        pids.append(cast("int", packet[1][1]))
        return (*packet[:2], [])

    with monkeypatch.context() as patched:
        patched.setattr(zygote_link, "receive", without_descriptors)
        outcome = bench.outcome()
    assert isinstance(outcome, StartFailed)
    assert "too many open" in str(outcome.error)
    settle(lambda: not Path(f"/proc/{pids[0]}").exists())
    assert bench.start().ask("x", timeout=WAIT) == "x"
    assert bench.system.hosting.statistics().zygotes_lost == 0


TRYING = """
import os, resource, select, sys
from regrow.actors.hosting import zygote_imports
from regrow.actors.hosting.zygote_imports import Imports, Wanted
zygote_imports.IDLE_MS = 1
zygote_imports.TRY_AGAIN_SECONDS = 0.01
told, poll = [], select.poll()
imports = Imports(poll, lambda *fields: told.append(fields))
before = resource.getrlimit(resource.RLIMIT_NOFILE)
def none_left():
    fd = os.open(os.devnull, os.O_RDONLY)
    os.close(fd)
    resource.setrlimit(resource.RLIMIT_NOFILE, (fd, before[1]))
def live(until):
    while not until():
        ready = poll.poll(imports.patience())
        for fd, _ in ready:
            assert imports.ended(fd)
        if not ready:
            imports.use_the_time()
none_left()
imports.want(Wanted("harmless", sys.path, os.getcwd()))
live(lambda: told)
resource.setrlimit(resource.RLIMIT_NOFILE, before)
live(lambda: imports._fit)
none_left()  # between the attempt in a fork and the import
live(lambda: len(told) > 1)
assert all(kind == "warned" and "harmless" in text for kind, text in told), told
resource.setrlimit(resource.RLIMIT_NOFILE, before)
live(lambda: imports.patience() is None)
assert told[2:] == [("imported", "harmless", True)], told
told.clear()
none_left()
imports.want(Wanted("another", sys.path, os.getcwd()))
live(lambda: imports.patience() is None)
resource.setrlimit(resource.RLIMIT_NOFILE, before)
assert [kind for kind, *_ in told] == ["warned", "warned", "unfit"], told
assert told[-1][1] == "another" and told[-1][3] is False, told
"""


def test_an_import_that_cannot_be_tried_now_is_tried_again_a_few_times(tmp_path: Path) -> None:
    (tmp_path / "harmless.py").touch()
    (tmp_path / "another.py").touch()
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    subprocess.run([sys.executable, "-c", TRYING], check=True, timeout=3 * WAIT, env=env)


HANGING = """
import os, select, sys
from regrow.actors.hosting import zygote_imports
from regrow.actors.hosting.zygote_imports import Imports, Wanted
zygote_imports.PROBE_SECONDS = 0.2
zygote_imports.IDLE_MS = 1
told, poll = [], select.poll()
imports = Imports(poll, lambda *fields: told.append(fields))
imports.want(Wanted("hanging", sys.path, os.getcwd()))
while imports.patience() is not None:
    ready = poll.poll(imports.patience())
    for fd, _ in ready:
        assert imports.ended(fd)
    if not ready:
        imports.use_the_time()
assert told == [("unfit", "hanging", "its import has not ended within 0.2 s", False)], told
assert "hanging" not in sys.modules
"""


def test_a_module_whose_import_does_not_end_is_tried_for_a_bounded_time(tmp_path: Path) -> None:
    (tmp_path / "hanging.py").write_text("import threading\nthreading.Event().wait()\n")
    path = os.pathsep.join([str(tmp_path), *sys.path])
    env = {**os.environ, "PYTHONPATH": path}
    subprocess.run([sys.executable, "-c", HANGING], check=True, timeout=3 * WAIT, env=env)
