"""A worker: functions that clients invoke through a gateway. Run, from the repository root, in three terminals:

    .venv/bin/regrow gateway --token secret
    .venv/bin/python examples/05_worker.py
    .venv/bin/python examples/05_client.py

Ctrl-C ends the gateway and the worker: what runs is finished first. REGROW_URL and REGROW_TOKEN say another place.
"""

import asyncio
import os
from itertools import count
from math import gcd

import regrow

worker = regrow.Worker(
    os.environ.get("REGROW_URL", "ws://127.0.0.1:8790"),
    token=os.environ.get("REGROW_TOKEN", "secret"),
    name="example",
    capacity=2,
)


@worker.function(deadline=60.0)
def factor(n: int) -> list[int]:
    """Plain Python that computes, so it runs in a process of its own: neither crash nor GIL reaches the connection."""
    if n < 1:
        raise ValueError(f"n: expected an integer >= 1, got {n}")
    if n == 1 or is_prime(n):
        return [n] * (n > 1)
    divisor = divisor_of(n)
    return sorted(factor(divisor) + factor(n // divisor))


@worker.function
async def greet(name: str) -> str:
    """An async function runs on an event loop of the worker's own process: for what waits rather than computes."""
    await asyncio.sleep(0.1)
    return f"hello {name}, from process {os.getpid()}"


@worker.function
def count_words(text: str) -> int:
    """What is logged in another process arrives at the worker's logger, here loguru's, as if logged at home."""
    words = len(text.split())
    regrow.logger.info("counted the words of a text", words=words, pid=os.getpid())
    return words


def is_prime(n: int) -> bool:
    """Say whether n is prime. Source: Miller-Rabin; with these bases it is exact below 3.3e24."""
    bases = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41)
    if n < 2 or any(n % base == 0 for base in bases):
        return n in bases
    twos = ((n - 1) & (1 - n)).bit_length() - 1
    for base in bases:
        x = pow(base, (n - 1) >> twos, n)
        if x != 1 and all(pow(x, 1 << step, n) != n - 1 for step in range(twos)):
            return False
    return True


def divisor_of(n: int) -> int:
    """Find a divisor of a composite n. Source: Pollard's rho."""
    for step in count(1):
        slow = fast = found = 2 - n % 2
        while found == 1:
            slow = (slow * slow + step) % n
            fast = (fast * fast + step) % n
            fast = (fast * fast + step) % n
            found = gcd(slow - fast, n)
        if found != n:
            return found
    raise AssertionError("count() does not end")


if __name__ == "__main__":
    worker.run()
