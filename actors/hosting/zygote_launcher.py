"""Launches by forks of a zygote: starts one, keeps spares, replaces a zygote that has died or is out of date.

Everything but `launch`, `guard` and what only counts runs in the I/O thread. A zygote that died takes nobody along: its
children have sockets of their own. Their wait statuses are lost with it, unless the kernel keeps them (Linux 6.15);
then the reason of an end is the child's own last word, and without one `ExitStatus(255)`.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from typing import Final

from ...protocol.errors import CodecError
from .errors import LaunchFailed
from .host_pulse import HostPulse
from .kernel_facts import is_stopped
from .launcher import Launcher, LaunchOutcome, LaunchRequest
from .loop import IoLoop
from .spares import Spares
from .zygote_link import Fork, Ward, ZygoteLink

__all__ = ("ZygoteLauncher",)

HANDOVER_SECONDS: Final = 5.0  # for the I/O thread to take over; only a subscriber that blocks it takes so long
YOUNG_SECONDS: Final = 5.0  # a zygote that ends before has never worked
BIRTHS_LOST_MAX: Final = 3  # zygotes in a row that died before they forked anything: then it does not work here


class ZygoteLauncher:
    """Launches by asking a zygote for a fork; `fallback` takes over where that does not work.

    `warn` is told, in words, what is wrong but survivable. A `ZygoteOwner`.
    """

    def __init__(
        self,
        loop: IoLoop,
        *,
        fallback: Launcher,
        warn: Callable[[str], None],
        preload: Sequence[str] = (),
        spares: int = 0,
    ) -> None:
        self.share_modules = True  # of what is launched, if they can be
        self.cold = 0  # forks that were made when they were needed
        self.zygotes_lost = 0
        self.spares: Final = Spares(loop, ask=self._ask_for_spare, warn=warn)
        self.spares.want(spares)
        self.shared: set[str] = set()  # by the zygote that serves, of the modules of what was launched
        self.unshared: dict[str, str] = {}  # modules that cannot be, and why
        self._loop = loop
        self._fallback = fallback
        self._warn = warn
        self._preload = list(preload)
        self._ids = itertools.count(1)
        self._link: ZygoteLink | None = None  # the zygote that serves
        self._retired: set[ZygoteLink] = set()  # those whose forks live on
        self._wards: dict[int, Ward] = {}  # of whoever else's processes, by id
        self._orphan_grace = 0.0  # of what was launched last, and so of the spares that are made then
        self._births_lost = 0  # zygotes in a row that died with a birth in hand
        self._closing = False
        self._pulse: HostPulse | None = None  # where a zygote watches that we get on

    @property
    def pid(self) -> int | None:
        """The number of the zygote that serves, None while there is none."""
        return None if self._link is None else self._link.pid

    @property
    def pids(self) -> tuple[int, ...]:
        """The numbers of all of them. Runs in: any thread."""
        return tuple(link.pid for link in self._links())

    @property
    def zygotes(self) -> int:
        """How many there are, with those that only see their forks to their end."""
        return len(self._retired) + (self._link is not None)

    def launch(self, request: LaunchRequest, on_launched: Callable[[LaunchOutcome], None]) -> None:
        """Use a spare, or ask for a fork. Runs in: any thread; calls back in it, or in the I/O thread."""
        if self.spares.take(request, on_launched):
            self._loop.call(lambda: self._launched(request))
        elif not self._loop.call(lambda: self._ask(request, on_launched)):
            request.close()
            on_launched(LaunchFailed("the system has shut down"))

    def preload(self, *modules: str) -> None:
        """Have these modules imported before the next fork. Runs in: any thread."""
        self._loop.call(lambda: self._add_modules(modules))

    def keep_spares(self, wanted: int) -> None:
        """Keep so many forks at hand, once there is a zygote. Runs in: any thread."""
        self.spares.want(wanted)
        if self._link is not None:
            self._loop.call(self._refill)

    def reload(self) -> None:
        """Fork from a zygote that imports everything anew, from now on. Runs in: any thread; waits until that is so.

        Errors: TimeoutError if the I/O thread is held up for so long; it does so as soon as it can.
        """
        if self._link is None or self._loop.closed:  # the next one does so in any case
            return
        if not self._loop.run(self._reload, HANDOVER_SECONDS) and not self._loop.closed:
            raise TimeoutError(f"Hosting.reload: expected the I/O thread to do it within {HANDOVER_SECONDS:g} s")

    def guard(self, pid: int, pidfd: int, *, first_signal: int, grace: float) -> Callable[[], None]:
        """See to it that a process of somebody else dies with this system. Call what is returned once it has ended.

        `first_signal` goes to its group when the system is gone (0: none), SIGKILL after `grace` and a margin.

        Runs in: any thread; waits until the zygote has been told, some 0.1 ms, or 10 ms if it has to be started.
        """
        ward = Ward(next(self._ids), pid, os.dup(pidfd), first_signal, grace)
        if not self._loop.run(lambda: self._take_ward(ward), HANDOVER_SECONDS) and self._loop.closed:
            os.close(ward.pidfd)  # else it is only late, and will be taken
        return lambda: self._drop_ward(ward.number)

    def prepare(self) -> None:
        """Have a zygote that can guard before there is anything to guard. As `guard`."""
        self._loop.run(self._prepare, HANDOVER_SECONDS)

    def watch_host(self, pulse: HostPulse | None) -> None:
        """Have zygotes watch this process by its pulse, from now on, and no longer by another one. As `guard`."""
        if self._loop.run(lambda: self._watch_host(pulse), HANDOVER_SECONDS):
            return
        if self._loop.closed:
            if pulse is not None:
                pulse.close()
            raise RuntimeError("Hosting.watchdog_seconds: the system has shut down")
        what = f"expected the I/O thread to do it within {HANDOVER_SECONDS:g} s; it does so as soon as it can"
        raise TimeoutError(f"Hosting.watchdog_seconds: {what}")

    def kill_if_stopped(self) -> None:
        """End a zygote that a signal has stopped; what it owes is settled as for one that died. Runs in: the loop."""
        for link in self._links():
            if is_stopped(link.pid):
                link.die()

    def close(self) -> None:
        """End all zygotes and wait for that. Call it after the loop has ended, with all children reaped."""
        self._closing = True
        for ward in self._wards.values():
            os.close(ward.pidfd)
        self._wards.clear()
        if self._pulse is not None:
            self._pulse.close()
        self.spares.close()
        for link in self._links():
            link.close_and_wait()
        self._link = None
        self._retired.clear()

    # What the loop does for them.

    def _ask(self, request: LaunchRequest, on_launched: Callable[[LaunchOutcome], None]) -> None:
        fork = self.spares.next_unborn()
        try:
            if fork is None:
                if self._births_lost >= BIRTHS_LOST_MAX:
                    self._fallback.launch(request, on_launched)
                    return
                fork = self._serving().ask(next(self._ids), request.orphan_grace, spare=False)
            fork.become(request, on_launched)
        except (OSError, CodecError) as error:  # no zygote, no descriptors, an environment that cannot be said
            if fork is not None:
                fork.cradle.close()
            self._warn(f"cannot fork {request.name}: {error}; executing a fresh interpreter instead")
            self._fallback.launch(request, on_launched)
            return
        self.cold += 1
        self._launched(request)

    def _launched(self, request: LaunchRequest) -> None:
        """Share its module with those that follow, and have the next spare made."""
        self._orphan_grace = request.orphan_grace
        link, module = self._link, request.module
        if link is not None and self.share_modules and module and module not in self.unshared:
            link.want(module, request.path, request.cwd)
        self._refill()

    def _refill(self) -> None:
        if not self._closing and self._births_lost < BIRTHS_LOST_MAX:
            self.spares.refill()

    def _ask_for_spare(self) -> Fork | None:
        link = self._link
        if link is None:
            return None
        try:
            return link.ask(next(self._ids), self._orphan_grace, spare=True)
        except OSError as error:
            self._warn(f"cannot fork a spare: {error}")
            return None

    def _add_modules(self, modules: Sequence[str]) -> None:
        fresh = [module for module in modules if module not in self._preload]
        self._preload += fresh
        if self._link is not None and fresh:
            self._link.preload(fresh)
            self.spares.dismiss_all()
            self._refill()

    def _reload(self) -> None:
        old, self._link = self._link, None
        self.unshared.clear()
        if old is not None:
            self._retire(old)
            self._replace()

    def _retire(self, link: ZygoteLink) -> None:
        """Let it fork no more, and end when its last fork has."""
        self._retired.add(link)
        link.watch(0.0, -1)  # the one that serves does so
        self.spares.dismiss_all()
        if not link.owes:
            self.settled(link)

    def _replace(self) -> None:
        """Have a zygote again, if somebody counts on one: those under its guard, and whoever wants to start fast."""
        if (
            (self._wards or self._pulse or self.spares.wanted)
            and not self._closing
            and self._births_lost < BIRTHS_LOST_MAX
        ):
            self._prepare()
            self._refill()

    def _prepare(self) -> None:
        try:
            self._serving()
        except OSError as error:
            self._warn(f"cannot start the zygote: {error}; programs would outlive a SIGKILL of this process")

    def _serving(self) -> ZygoteLink:
        if self._link is None:
            self.shared.clear()
            self._link = link = ZygoteLink(self._loop, self)
            link.preload([module for module in self._preload if module not in self.unshared])
            if self._pulse is not None:
                link.watch(self._pulse.limit, self._pulse.page_fd)
            for ward in self._wards.values():
                link.guard(ward)
                for old in self._retired:
                    old.release(ward.number)
        return self._link

    def _take_ward(self, ward: Ward) -> None:
        self._wards[ward.number] = ward
        if self._link is None:
            self._prepare()  # a fresh zygote is told of all wards, of this one too
        else:
            self._link.guard(ward)

    def _watch_host(self, pulse: HostPulse | None) -> None:
        before, self._pulse = self._pulse, pulse
        if pulse is None:
            if self._link is not None:
                self._link.watch(0.0, -1)
        elif self._link is None:
            self._prepare()
        else:
            self._link.watch(pulse.limit, pulse.page_fd)
        if before is not None:
            before.close()

    def _drop_ward(self, number: int) -> None:
        self._loop.call(lambda: self._release(number))

    def _release(self, number: int) -> None:
        ward = self._wards.pop(number, None)
        if ward is not None:
            os.close(ward.pidfd)
            if self._link is not None:
                self._link.release(number)

    def _links(self) -> tuple[ZygoteLink, ...]:
        return (*self._retired, *(() if self._link is None else (self._link,)))

    # What a zygote says.

    def forked(self, fork: Fork) -> None:
        """Give the process to whom it belongs; a spare is kept."""
        self._births_lost = 0
        if fork.process is not None and fork.request is not None:
            fork.deliver(fork.process)
        else:
            self.spares.born(fork)

    def unheld(self, fork: Fork) -> None:
        """Let go of one that was forked, and that we cannot hold: there is no descriptor left for it here."""
        why = "expected a descriptor of the process that was forked, got none: this process has too many open"
        fork.cradle.close()  # a spare ends by that
        self.spares.forget(fork)
        if fork.request is None or fork.on_launched is None:
            self._warn(f"a spare: {why}")
        else:  # it has been told what to be, and ends as its link ends
            fork.request.close()
            fork.on_launched(LaunchFailed(why))

    def refused(self, fork: Fork, why: str) -> None:
        """Ask the next zygote if this one is spoiled, else execute a fresh interpreter."""
        fork.cradle.close()
        self.spares.forget(fork)
        if fork.request is None or fork.on_launched is None:
            return
        if fork.link is not self._link:
            self._ask(fork.request, fork.on_launched)
            return
        self._warn(f"the zygote refused {fork.request.name}: {why}; executing a fresh interpreter instead")
        self._fallback.launch(fork.request, fork.on_launched)

    def imported(self, link: ZygoteLink, module: str, *, fresh: bool) -> None:
        """Have spares that know it, too."""
        if link is self._link:
            self.shared.add(module)
            if fresh:
                self.spares.dismiss_all()
                self._refill()

    def unfit(self, link: ZygoteLink, module: str, why: str, *, spoiled: bool) -> None:
        """Leave it to the children to import it; fork from a zygote that never did."""
        self.unshared[module] = why
        self._warn(f"the zygote does not import {module}, the processes that need it do: {why}")
        if spoiled and link is self._link:
            self._link = None
            self._retire(link)
            self._replace()

    def warned(self, text: str) -> None:
        """Pass it on."""
        self._warn(text)

    def settled(self, link: ZygoteLink) -> None:
        """Its last fork has ended: one that does not serve any more may go."""
        if link in self._retired:
            link.close()

    def closed(self, link: ZygoteLink) -> None:
        """Forget it."""
        self._retired.discard(link)

    def died(self, link: ZygoteLink, code: int) -> None:
        """Settle what it owed, and replace it."""
        self._retired.discard(link)
        self.zygotes_lost += 1
        if link is self._link:
            self._link = None
            self.spares.dismiss_all()
        births, link.births = link.births, {}
        self._births_lost = self._births_lost + 1 if births or link.age < YOUNG_SECONDS else 0
        self._warn(f"the zygote ended with {code}; the processes that it forked go on")
        if self._births_lost == BIRTHS_LOST_MAX:
            self._warn(
                f"{BIRTHS_LOST_MAX} zygotes in a row have ended at once: processes are executed from now on, nobody "
                "watches this process, and programs would outlive a SIGKILL of it"
            )
        for fork in births.values():
            vacant = fork.vacant
            fork.cradle.close()
            if fork.request is None or fork.on_launched is None:
                continue
            if vacant:
                self._ask(fork.request, fork.on_launched)
            else:  # it has forked without a chance to say so: a second child on the same socket must not be
                fork.request.close()
                fork.on_launched(LaunchFailed(f"the zygote ended with {code} before it answered"))
        self._replace()
