"""`python -m node.cli.bench_sender`: the camera's part of recording without its pictures, as a measure's child.

It seals a minute of empty fragments as the camera does, hands them to a real recorder over the bus as fast as that
stores them, and says what processor time that took here: encrypting alone, and the whole.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from node.bus import Bus, SpawnedPeers
from node.camera.delivery import Delivery
from node.camera.fragments import Fragment
from node.camera.segments import SealedUnder
from node.cli.program import exit_with_a_reason
from node.clock import NS, Clock, Instant, SystemClock
from node.config import NodeConfig, read_config
from node.errors import Refused
from node.formats.measured import Sent
from node.mandate import trust
from node.mandate.ids import new_ulid
from node.mandate.store import DocumentStore, read_document
from node.messages import CameraAlive, RecorderAlive, RecordsStored, SegmentRefused
from node.sealing.aead import Aead, fastest_aead, new_key

FRAGMENT_BYTES: Final = 4_000_000 // 8  # a second at 4 Mbit/s
SECONDS: Final = 60
SIZE: Final = (1920, 1080)
MOST_WAITING: Final = 4
"""Fragments on their way at once; a camera has one."""
PATIENCE_NS: Final = 30 * NS
ANSWER_S: Final = 0.1


def main() -> None:
    """Send one minute."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(send_command)
    exit_with_a_reason(app)


def send_command(
    *,
    config: Annotated[Path, typer.Option(help="the node.toml of a demo's node")],
    peers: Annotated[Path, typer.Option(help="JSON that the measure keeps: pids by daemon")],
) -> None:
    """Seal and send a minute of footage; say what it cost as one JSON object."""
    clock, node = SystemClock(trust="demo"), read_config(config)
    encrypting_s = _encrypting_s()
    with Bus("camera", run=Path(node.paths.run), peers=SpawnedPeers(peers)) as bus:
        sender = _Sender(bus, clock, node)
        sender.meet()
        began_s = time.process_time()
        sender.deliver()
        sent = Sent(FRAGMENT_BYTES * SECONDS, SECONDS, encrypting_s, time.process_time() - began_s)
    typer.echo(msgspec.json.encode(sent).decode())


def _encrypting_s() -> float:
    cipher, data = Aead(fastest_aead(), new_key()), bytes(FRAGMENT_BYTES)
    began_s = time.process_time()
    for index in range(SECONDS):
        cipher.seal(index, data, b"")
    return time.process_time() - began_s


class _Sender:
    """The camera's own delivery over its own bus."""

    def __init__(self, bus: Bus, clock: Clock, node: NodeConfig) -> None:
        self._bus = bus
        self._clock = clock
        self._instance = new_ulid(clock.now().utc_ns)
        self._delivery = Delivery(clock=clock, send=lambda message: bus.send(message, to="recorder"))
        self._delivery.begin(_documents(node))
        self._met = False

    def meet(self) -> None:
        """Say that a camera is there until the recorder has answered with its turn."""
        self._until(lambda: self._met, "a sign of life from the recorder")

    def deliver(self) -> None:
        """A minute of footage."""
        data = bytes(FRAGMENT_BYTES)
        start_ns = self._clock.now().utc_ns - SECONDS * NS
        for second in range(SECONDS):
            at = Instant(start_ns + second * NS, "demo")
            self._delivery.add(Fragment(b"init", data, second * NS, 15, second * NS), at)
            self._until(lambda: self._delivery.waiting < MOST_WAITING, "room for another fragment")
        self._delivery.finish(start_ns + SECONDS * NS)
        self._until(lambda: not self._delivery.waiting, "word of the last fragments")
        if self._delivery.dropped:
            raise Refused(f"the recorder did not take {self._delivery.dropped} fragments")

    def _until(self, come: Callable[[], bool], what: str) -> None:
        began_ns = self._clock.boottime_ns()
        while not come():
            if self._clock.boottime_ns() - began_ns > PATIENCE_NS:
                raise Refused(f"{what} did not come in {PATIENCE_NS // NS} s")
            if not self._hear():
                self._bus.send(CameraAlive(self._instance, self._clock.boottime_ns()), to="recorder")
                self._delivery.pump()

    def _hear(self) -> bool:
        """Whether anything came."""
        message = self._bus.receive(timeout_s=ANSWER_S)
        match message:
            case RecordsStored():
                self._delivery.stored(message.segment, message.count)
            case SegmentRefused():
                raise Refused(f"the recorder refused a segment: {message.reason}")
            case RecorderAlive():
                self._met = True
                self._delivery.recorder_alive(message)
            case _:
                pass  # the recorder has nothing else to say to this process
        return message is not None


def _documents(node: NodeConfig) -> SealedUnder:
    """The demo's mandate, verified as the camera does it; without masks, for nothing is filmed here."""
    root = trust.first_root(read_document(Path(node.paths.root))).document
    data = DocumentStore(Path(node.paths.documents)).read("mandate")
    if data is None:
        raise Refused("there is no mandate")
    return SealedUnder(
        node=node.node.id,
        boot="0" * 32,
        mandate=trust.mandate(data, root=root, node=node.node.id, floor=1),
        masks=None,
        size=SIZE,
        aead=fastest_aead(),
    )


if __name__ == "__main__":
    main()
