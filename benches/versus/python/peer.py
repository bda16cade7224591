"""What do Python's own means between two processes reach?

Run by `mechanism/python.rs` as `python3 -c <this> <request>`. This process sends, and a forked one receives; each of them
prints one line of JSON: `{"done": {...}}` with what it did, `{"skip": "why"}`, or `{"wrong": "what"}` when what came is not
what was sent. The first line is `{"open": nanoseconds}`. Nobody waits for somebody who has failed: the starter ends both.
"""

import array
import itertools
import json
import math
import multiprocessing
import os
import signal
import struct
import sys
import time

NUMBER = struct.Struct("<Q")
MARK = 0x9E3779B97F4A7C15
MASK = (1 << 64) - 1
END = MASK
WARM_UP = 100
PACE = 1_000_000


class Skip(Exception):
    """Why something cannot be measured, in words."""


class Wrong(Exception):
    """What came that was not sent."""


class Message:
    """Bytes that begin with a number, end with it in another form, and hold a pattern in between."""

    def __init__(self, size):
        self.size = size
        self.bytes = bytearray(i * 37 % 251 for i in range(size))
        self.pattern = bytes(self.bytes[8:-8])

    def number(self, number):
        NUMBER.pack_into(self.bytes, 0, number)
        if self.size > 8:
            NUMBER.pack_into(self.bytes, self.size - 8, number ^ MARK)

    def check(self, came):
        """The number of what came. Every message's ends are looked at; each 64th, and every short one, in whole."""
        if len(came) != self.size:
            raise Wrong(f"{len(came)} bytes came")
        (number,) = NUMBER.unpack_from(came, 0)
        if self.size > 8:
            sound = NUMBER.unpack_from(came, self.size - 8)[0] == number ^ MARK
            if sound and (self.size <= 64 or number % 64 == 0):
                sound = bytes(came[8:-8]) == self.pattern
            if not sound:
                raise Wrong(f"message {number} is torn")
        return number


class Queue:
    """multiprocessing.Queue: a thread of the sender pickles what was put, and writes it to a pipe."""

    def __init__(self, context, size, slots):
        self.queue = context.Queue(slots)

    def tx(self):
        return self

    rx = tx

    def attached(self):
        pass

    def send(self, message):
        # A copy: the thread reads it later.
        self.queue.put(bytes(message))

    def recv(self):
        return self.queue.get()

    def flush(self):
        self.queue.close()
        self.queue.join_thread()

    def close(self):
        pass


class Pipe:
    """multiprocessing.Pipe: a pair of connected sockets, and bytes that are not pickled."""

    def __init__(self, context, size, slots):
        self.receiving, self.sending = context.Pipe()

    def tx(self):
        self.send = self.sending.send_bytes
        return self

    def rx(self):
        self.recv = self.receiving.recv_bytes
        return self

    def attached(self):
        pass

    def flush(self):
        pass

    def close(self):
        pass


class SharedArray:
    """An array in multiprocessing.shared_memory, whose rows are handed over by two semaphores."""

    def __init__(self, context, size, slots):
        room = os.statvfs("/dev/shm")
        if room.f_bavail * room.f_frsize < 2 * size * slots:
            raise Skip("no room in /dev/shm")
        self.shape = (slots, size // 8)
        self.named = multiprocessing.shared_memory.SharedMemory(create=True, size=size * slots)
        self.free, self.full = context.Semaphore(slots), context.Semaphore(0)

    def attach(self):
        import numpy

        self.memory = multiprocessing.shared_memory.SharedMemory(name=self.named.name)
        self.rows = numpy.ndarray(self.shape, dtype=numpy.uint64, buffer=self.memory.buf)
        self.turns = itertools.cycle(range(self.shape[0]))
        self.words = numpy.frombuffer
        self.own = numpy.zeros(self.shape[1], dtype=numpy.uint64)
        self.came = memoryview(self.own).cast("B")
        return self

    tx = rx = attach

    def attached(self):
        self.named.unlink()

    def send(self, message):
        self.free.acquire()
        self.rows[next(self.turns)] = self.words(message, dtype=self.own.dtype)
        self.full.release()

    def recv(self):
        self.full.acquire()
        self.own[:] = self.rows[next(self.turns)]
        self.free.release()
        return self.came

    def flush(self):
        pass

    def close(self):
        self.rows = None
        self.memory.close()


MEANS = {"queue": Queue, "pipe": Pipe, "shared": SharedArray}


class Run:
    """One question, put to one of the means."""

    def __init__(self, request):
        self.question = request["question"]
        self.size = request["size"]
        self.time = request["time"]
        self.limit = request["limit"]
        self.cpus = request["cpus"]
        load(request["means"])
        self.context = multiprocessing.get_context("fork")
        means = MEANS[request["means"]]
        ways = 2 if self.question == "round-trip" else 1
        start = time.monotonic_ns()
        self.links = [means(self.context, self.size, request["slots"]) for _ in range(ways)]
        say(open=(time.monotonic_ns() - start) // ways)
        self.barrier = self.context.Barrier(2)

    def roles(self):
        return {
            "one-way": (self.send, self.receive),
            "idle": (self.send_at_a_pace, self.receive),
            "round-trip": (self.ask, self.answer),
        }[self.question]

    def work(self, role, sends):
        """Takes the ends, meets the other, does `role`, and says what it did."""
        signal.alarm(self.limit)
        if self.cpus:
            os.sched_setaffinity(0, {self.cpus[0 if sends else -1]})
        message = Message(self.size)
        kept, arrived = memory(), time.monotonic_ns()
        ends = [link.tx() if sends == (way == 0) else link.rx() for way, link in enumerate(self.links)]
        attach = time.monotonic_ns() - arrived
        self.barrier.wait(self.limit)
        if sends:
            for link in self.links:
                link.attached()
        start, worked = time.monotonic_ns(), time.process_time_ns()
        did = role(message, ends, start + self.time)
        for way, end in enumerate(ends):
            if sends == (way == 0):
                end.flush()
        done = {"sent": 0, "sent_sum": 0, "received": 0, "received_sum": 0, "latency": None}
        done.update(did, start=start, end=time.monotonic_ns(), attach=attach)
        done.update(cpu=time.process_time_ns() - worked, memory=max(0, memory() - kept))
        for end in ends:
            end.close()
        say(done=done)

    def send(self, message, ends, until):
        (end,) = ends
        # How often to look at the clock.
        stride = 16 if self.size <= 4096 else 1
        number = 0
        while number == 0 or time.monotonic_ns() < until:
            for number in range(number, number + stride):
                message.number(number)
                end.send(message.bytes)
            number += 1
        message.number(END)
        end.send(message.bytes)
        return {"sent": number, "sent_sum": total(number)}

    def send_at_a_pace(self, message, ends, until):
        (end,) = ends
        times = range(until - self.time, until, PACE)
        for number, at in enumerate(times):
            time.sleep(max(0, at - time.monotonic_ns()) / 1e9)
            message.number(number)
            end.send(message.bytes)
        message.number(END)
        end.send(message.bytes)
        return {"sent": len(times), "sent_sum": total(len(times))}

    def receive(self, message, ends, until):
        (end,) = ends
        for expected in itertools.count():
            number = message.check(end.recv())
            if number == END:
                return {"received": expected, "received_sum": total(expected)}
            if number != expected:
                raise Wrong(f"message {number} instead of {expected}")

    def ask(self, message, ends, until):
        there, back = ends
        trips = array.array("Q")
        number, before = 0, time.monotonic_ns()
        while before < until or number <= WARM_UP:
            message.number(number)
            there.send(message.bytes)
            came = message.check(back.recv())
            after = time.monotonic_ns()
            if came != number:
                raise Wrong(f"the answer to {came} instead of {number}")
            if number >= WARM_UP:
                trips.append(after - before)
            number += 1
            before = after
        message.number(END)
        there.send(message.bytes)
        return {"sent": number, "sent_sum": total(number), "latency": percentiles(trips)}

    def answer(self, message, ends, until):
        there, back = ends
        for expected in itertools.count():
            came = there.recv()
            number = message.check(came)
            if number == END:
                return {"received": expected, "received_sum": total(expected)}
            back.send(came)
            if number != expected:
                raise Wrong(f"message {number} instead of {expected}")


def load(means):
    """What would otherwise be loaded when it is used first, which is not what is asked for."""
    try:
        from multiprocessing import connection, queues, shared_memory, synchronize  # noqa: F401
    except ImportError:
        raise Skip("multiprocessing is older than Python 3.8, or built without semaphores") from None
    if means == "shared":
        # Without threads of its own: there is a fork to come.
        os.environ["OPENBLAS_NUM_THREADS"] = "1"
        try:
            import numpy  # noqa: F401
        except ImportError:
            raise Skip("NumPy is missing") from None


def total(count):
    """The sum of the first `count` numbers, wrapped."""
    return count * (count - 1) // 2 & MASK


def percentiles(trips):
    trips = sorted(trips)

    def at(quantile):
        return trips[max(0, math.ceil(quantile * len(trips)) - 1)]

    return {"p50": at(0.5), "p99": at(0.99), "p999": at(0.999), "max": trips[-1]}


def memory():
    """This process's proportional set size, in bytes."""
    with open("/proc/self/smaps_rollup") as rollup:
        return next(int(line.split()[1]) << 10 for line in rollup if line.startswith("Pss:"))


def say(**line):
    # In one piece: the other process writes to the same pipe.
    os.write(1, (json.dumps(line) + "\n").encode())


def saying(work, *arguments):
    """Does something, and says why if it cannot."""
    try:
        work(*arguments)
    except Wrong as why:
        say(wrong=str(why))
    except Skip as why:
        say(skip=str(why))
    except Exception as why:
        say(skip=f"{type(why).__name__}: {why}")


def main():
    run = Run(json.loads(sys.argv[1]))
    ours, theirs = run.roles()
    other = run.context.Process(target=saying, args=(run.work, theirs, False), daemon=True)
    other.start()
    run.work(ours, True)
    other.join()


saying(main)
