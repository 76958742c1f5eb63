"""Actors that do not get on, each in its own way, in processes of their own. No test in here."""

from __future__ import annotations

import asyncio
import ctypes
import os
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor

from hosted_actors import Order

from regrow.actors import Actor, ActorRef

FOR_LONG = 60.0
PTRACE_SEIZE = 0x4206  # linux/ptrace.h: to trace one that goes on running


class Hanger(Actor):
    """Hangs as it is told to."""

    def on_receive(self, message: object) -> object:
        if isinstance(message, Order):
            return getattr(self, message.what)(message.value)
        return message

    def hold_gil(self, seconds: float) -> None:
        """C code that waits and holds the GIL."""
        ctypes.PyDLL(None).usleep(int(seconds * 1e6))

    def burn_gil(self, size: int) -> int:
        """C code that computes and holds the GIL."""
        return sum(range(size))

    def burn_python(self, seconds: float) -> None:
        """Python code that computes."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            pass

    def block(self, seconds: float) -> None:
        """Wait for something outside."""
        time.sleep(seconds)

    def lock_twice(self, _value: object) -> None:
        """Wait for a lock that nobody releases."""
        lock = threading.Lock()
        lock.acquire()
        lock.acquire()

    def lock_crosswise(self, _value: object) -> None:
        """Two threads, each with the lock that the other one waits for."""
        one, other, both = threading.Lock(), threading.Lock(), threading.Barrier(2)

        def take(first: threading.Lock, second: threading.Lock) -> None:
            with first:
                both.wait()
                second.acquire()

        threading.Thread(target=take, args=(other, one), daemon=True).start()
        take(one, other)

    def wait_for_helper(self, seconds: float) -> None:
        """Wait, without a limit of time, for a thread that waits for something outside."""
        with ThreadPoolExecutor(1) as pool:
            pool.submit(time.sleep, seconds).result()

    def wait_for_answer(self, asked: ActorRef) -> object:
        """Wait, without a limit of time, for the answer of an actor."""
        return asked.ask(Order("block", FOR_LONG), timeout=None)

    def be_traced(self, _value: object) -> int:
        """Have a child of its own trace this process from now on, which goes on running; gives its pid."""
        target, (told, tell) = os.getpid(), os.pipe()
        pid = os.fork()
        if pid == 0:
            libc = ctypes.CDLL(None, use_errno=True)
            libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
            seized = libc.ptrace(PTRACE_SEIZE, target, None, None)
            os.write(tell, b"y" if seized == 0 else b"n")
            while True:
                time.sleep(FOR_LONG)
        permitted = os.read(told, 1) == b"y"
        os.close(told)
        os.close(tell)
        return pid if permitted else 0


class AsyncHanger(Hanger):
    """The same on an event loop, and coroutines."""

    dispatcher = "asyncio"

    def wait_on_loop(self, seconds: float) -> Coroutine[object, object, None]:
        """Await; the loop goes on meanwhile."""
        return asyncio.sleep(seconds)
