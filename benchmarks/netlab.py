"""Hosts in network namespaces of their own, joined by links that this process emulates: real TCP over them.

Each host has a TUN device; what it sends is read here, waits for its uplink, takes the latency of both
access links, waits for the downlink of its receiver and is written there. So the kernel needs no queueing
discipline, only namespaces and TUN, and root. Nothing leaves the namespaces, and they go with the block.
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import os
import random
import select
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from hat_sim.network.simulate import Host, Message

ETHERNET = 14
QUEUE_BYTES = 1_500_000
"""What waits for a link at most; more is dropped (drop-tail)."""
_TUNSETIFF, _IFF_TUN_NO_PI, _CLONE_NEWNET = 0x400454CA, 0x1001, 0x40000000
_PORT = 5000


def obstacle() -> str | None:
    """Why no such network can be made here, None if it can."""
    if os.geteuid() != 0:
        return "it takes root"
    if not Path("/dev/net/tun").exists():
        return "there is no /dev/net/tun"
    name = f"hat-sim-{os.getpid()}"
    try:
        subprocess.run(["ip", "netns", "add", name], check=True, capture_output=True)
        subprocess.run(["ip", "netns", "delete", name], check=True, capture_output=True)
    except FileNotFoundError:
        return "there is no ip command (iproute2)"
    except subprocess.CalledProcessError as error:
        return f"no network namespaces: {error.stderr.decode().strip()}"
    return None


class Lab:
    """So many hosts; `play` sends messages between them and measures."""

    def __init__(self, names: Sequence[str], emulator: Connection) -> None:
        self._names = names
        self._emulator = emulator

    def play(
        self, flows: Sequence[Message], patience_s: float
    ) -> tuple[list[float], dict[tuple[int, int], int]]:
        """Send all; the seconds at which each was there, and the bytes of layer 2 from host to host.

        A thread that began to send too late does not count as slow.
        TimeoutError where that takes longer than `patience_s`.
        """
        completed: dict[int, float] = {}
        late: dict[int, float] = {}
        failures: list[BaseException] = []
        began = time.monotonic() + 0.2
        threads = []
        for number, flow in enumerate(flows):
            address = (_address(flow["dst"]), _PORT + number)
            with _in_namespace(self._names[flow["dst"]]):
                listener = socket.create_server(address)
            listener.settimeout(patience_s)
            ends = (
                (self._receive, (listener, flow["bytes"], completed, number)),
                (self._send, (address, flow, late, number, began, patience_s)),
            )
            threads += [
                threading.Thread(target=_guarded, args=(failures, act, arguments)) for act, arguments in ends
            ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(patience_s + 1)
        if failures or len(completed) < len(flows):
            raise TimeoutError(f"not all messages arrived within {patience_s} s: {failures[:1]}")
        time.sleep(0.2)
        self._emulator.send("count")
        arrived_s = [completed[number] - began - late[number] for number in range(len(flows))]
        return arrived_s, self._emulator.recv()

    def _send(
        self,
        address: tuple[str, int],
        flow: Message,
        late: dict[int, float],
        number: int,
        began: float,
        patience_s: float,
    ) -> None:
        with _in_namespace(self._names[flow["src"]]):
            end = socket.socket()
        with end:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
            end.settimeout(patience_s)
            time.sleep(max(0.0, began + flow["start_s"] - time.monotonic()))
            late[number] = time.monotonic() - began - flow["start_s"]
            end.connect(address)
            end.sendall(bytes(flow["bytes"]))
            end.recv(1)

    def _receive(self, listener: socket.socket, size: int, completed: dict[int, float], number: int) -> None:
        with listener, listener.accept()[0] as end:
            while size > 0 and (got := len(end.recv(65536))):
                size -= got
            completed[number] = time.monotonic()
            end.sendall(b"k")


@contextmanager
def lab(hosts: Sequence[Host], seed: int) -> Iterator[Lab]:
    """A lab of these hosts while the block runs."""
    names = [f"hat-sim-{os.getpid()}-{number}" for number in range(len(hosts))]
    with ExitStack() as stack:
        tuns = []
        for number, name in enumerate(names):
            _ip("netns", "add", name)
            stack.callback(_ip, "netns", "delete", name)
            device = f"hs{os.getpid() % 100_000}t{number}"
            tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            stack.callback(os.close, tun)
            fcntl.ioctl(tun, _TUNSETIFF, struct.pack("16sH", device.encode(), _IFF_TUN_NO_PI))
            _ip("link", "set", "dev", device, "netns", name)
            _ip("-n", name, "addr", "add", f"{_address(number)}/24", "dev", device)
            _ip("-n", name, "link", "set", "dev", device, "mtu", "1500", "txqueuelen", "10000", "up")
            with _in_namespace(name):
                Path("/proc/sys/net/ipv4/tcp_no_metrics_save").write_text("1")
            tuns.append(tun)
        ours, theirs = get_context("fork").Pipe()
        emulator = get_context("fork").Process(target=_emulate, args=(hosts, tuns, seed, theirs), daemon=True)
        emulator.start()
        stack.callback(emulator.join, 5)
        stack.callback(ours.send, "end")
        yield Lab(names, ours)


def _emulate(hosts: Sequence[Host], tuns: Sequence[int], seed: int, orders: Connection) -> None:
    """Carry packets until told to end."""
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    links = _Links(hosts, tuns, random.Random(seed))
    while True:
        due_s = links.work(time.monotonic())
        ready, _, _ = select.select([*tuns, orders.fileno()], [], [], due_s)
        for end in ready:
            if end != orders.fileno():
                links.read(tuns.index(end), time.monotonic())
            elif orders.recv() == "end":
                return
            else:
                orders.send(links.counted)
                links.counted = {}


class _Link:
    """One direction of an access link: packets wait for it, one after the other."""

    def __init__(self, mbit_s: float) -> None:
        self._bit_s = mbit_s * 1e6
        self._free_s = 0.0

    def leaves_s(self, size: int, now_s: float) -> float | None:
        """When a packet that comes now has left; None where the queue is full."""
        start_s = max(now_s, self._free_s)
        if (start_s - now_s) * self._bit_s / 8 > QUEUE_BYTES:
            return None
        self._free_s = start_s + size * 8 / self._bit_s
        return self._free_s


class _Links:
    def __init__(self, hosts: Sequence[Host], tuns: Sequence[int], dice: random.Random) -> None:
        self._hosts, self._tuns, self._dice = hosts, tuns, dice
        self._up = [_Link(host["up_mbit_s"]) for host in hosts]
        self._down = [_Link(host["down_mbit_s"]) for host in hosts]
        self._heap: list[tuple[float, int, bool, int, bytes]] = []
        self._count = 0
        self.counted: dict[tuple[int, int], int] = {}

    def read(self, sender: int, now_s: float) -> None:
        """Take what a host sends; bytes count as soon as they are on its uplink."""
        with suppress(BlockingIOError):
            while packet := os.read(self._tuns[sender], 2048):
                receiver = packet[19] - 1
                if packet[0] >> 4 != 4 or packet[9] != socket.IPPROTO_TCP or receiver >= len(self._hosts):
                    continue
                ends = (sender, receiver)
                self.counted[ends] = self.counted.get(ends, 0) + len(packet) + ETHERNET
                left_s = self._up[sender].leaves_s(len(packet) + ETHERNET, now_s)
                if left_s is not None and not self._is_lost(sender):
                    latency_s = sum(self._hosts[end]["access_latency_s"] for end in ends)
                    self._schedule(left_s + latency_s, False, receiver, packet)

    def work(self, now_s: float) -> float | None:
        """Do what is due; in how many seconds the next is, None if nothing is."""
        while self._heap and self._heap[0][0] <= now_s:
            at_s, _, is_through, receiver, packet = heapq.heappop(self._heap)
            if is_through:
                with suppress(OSError):
                    os.write(self._tuns[receiver], packet)
            else:
                left_s = self._down[receiver].leaves_s(len(packet) + ETHERNET, at_s)
                if left_s is not None and not self._is_lost(receiver):
                    self._schedule(left_s, True, receiver, packet)
        return max(0.0, self._heap[0][0] - time.monotonic()) if self._heap else None

    def _is_lost(self, host: int) -> bool:
        return self._dice.random() * 100 < self._hosts[host].get("loss_percent", 0.0)

    def _schedule(self, at_s: float, is_through: bool, receiver: int, packet: bytes) -> None:
        self._count += 1
        heapq.heappush(self._heap, (at_s, self._count, is_through, receiver, packet))


def _address(number: int) -> str:
    return f"10.213.0.{number + 1}"


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def _guarded(failures: list[BaseException], act: object, arguments: tuple[object, ...]) -> None:
    try:
        act(*arguments)  # type: ignore[operator]
    except OSError as error:
        failures.append(error)


@contextmanager
def _in_namespace(name: str) -> Iterator[None]:
    """This thread is in another network namespace while the block runs."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/thread-self/ns/net").open() as home, Path(f"/var/run/netns/{name}").open() as away:
        _enter(libc, away.fileno())
        try:
            yield
        finally:
            _enter(libc, home.fileno())


def _enter(libc: ctypes.CDLL, namespace: int) -> None:
    if libc.setns(namespace, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "cannot enter a network namespace")
