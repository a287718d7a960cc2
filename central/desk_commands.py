"""`stolpe open` and `stolpe verify`: what a release desk does with bundles, rings, and what was sealed to it."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from central import desk_log, handover
from central.bundle_desk import is_bundle, judged, key_of_recipient, open_bundle
from central.desk import Desk
from central.opening import distinct_owners, find
from central.page import Language, page_of
from central.report import Report
from central.verify import NUMBERS, Judged
from node.clock import SystemClock
from node.errors import Refused, printable
from node.mandate import trust
from node.mandate.documents import Mandate, Root, decode
from node.mandate.signatures import parse
from node.mandate.store import read_document
from node.sealing.keys import Jwk, PrivateKeys, read_private_keys

MOST_NAMED = 4
_EXAMPLE = "Example: stolpe open demo/ring --key demo/keys/releaser-1.key --key demo/keys/releaser-2.key --out clip.mp4"
_VERIFY = "Example: stolpe verify 01KAR0F2T9Z6S3X8V1N4K7J5H0.bundle --node node.pub.json --root root.jws.json"


def register(app: typer.Typer) -> None:
    """Add the desk's commands."""
    app.command("open", epilog=_EXAMPLE)(open_command)
    app.command("verify", epilog=_VERIFY)(verify_command)


def verify_command(
    bundle: Annotated[Path, typer.Argument(help="a bundle; its segments stay sealed")],
    node: Annotated[Path | None, typer.Option(help="the node's public key file")] = None,
    root: Annotated[Path | None, typer.Option(help="the signed root that the mandates stand under")] = None,
    mandate: Annotated[
        list[Path] | None, typer.Option(help="later signed mandates: whom they revoke does not count")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the findings as JSON")] = False,
) -> None:
    """Check everything of a bundle that needs no releaser's key: orderers, maker, hashes, signatures."""
    found = judged(bundle, node=node, root=_root(root), later=_later(mandate))
    if as_json:
        told = {"bundle": bundle.name, "sha256": found.sha256, "findings": found.findings}
        typer.echo(msgspec.json.format(msgspec.json.encode(told), indent=1).decode())
    else:
        for line in _told(found, is_checked=root is not None):
            typer.echo(printable(line))
    bad = [finding.number for finding in found.findings if finding.verdict == "bad"]
    if bad:
        raise Refused(f"{bundle}: {', '.join(bad)} of {len(NUMBERS)} checks do not hold")


def _later(paths: list[Path] | None) -> list[Mandate]:
    """Mandates that are not in a bundle, for whom they have revoked."""
    return [decode(parse(read_document(path)).payload, Mandate) for path in paths or []]


def _told(found: Judged, *, is_checked: bool) -> Iterator[str]:
    yield f"SHA-256 {found.sha256}"
    if found.start is not None and found.order is not None:
        told = found.start.manifest
        yield f"release {found.order.id} of node {told.node} to {found.order.recipient}, case {found.order.case}"
        claimed = "" if is_checked else " by the bundle's own mandates, which were not checked: name --root"
        yield f"signed by {', '.join(found.signers) or 'nobody who counts'}{claimed}"
        yield f"made by {told.made_by} with key {told.node_key}"
        yield f"{len(told.segments)} segments, {len(told.missing)} parts of the interval missing"
    for finding in found.findings:
        yield f"{finding.number} {finding.verdict}: {finding.what}"


def open_command(
    paths: Annotated[
        list[Path], typer.Argument(metavar="BUNDLE|SEALED|RING|SEGMENT...", help="what to open")
    ],
    *,
    key: Annotated[
        list[Path],
        typer.Option(help="a releaser's private key file, as many as the mandate needs; or the recipient's"),
    ],
    out: Annotated[Path, typer.Option(help="the MP4 to write; its report stands beside it")],
    slot: Annotated[
        Path | None, typer.Option(help="the node's key slot, if it is not beside the ring")
    ] = None,
    node: Annotated[
        Path | None, typer.Option(help="the node's public key, if it is not beside the ring")
    ] = None,
    root: Annotated[Path | None, typer.Option(help="of a bundle: the signed root of its mandates")] = None,
    mandate: Annotated[
        list[Path] | None,
        typer.Option(help="of a bundle: later signed mandates: whom they revoke does not count"),
    ] = None,
    language: Annotated[str, typer.Option(help="of a bundle's page: sv or en")] = "en",
    log: Annotated[
        Path | None, typer.Option(help=f"the desk's log; else {desk_log.FILE_NAME} beside the clip")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the report as JSON")] = False,
) -> None:
    """Open a bundle or sealed segments with the releasers' keys: MP4, report, and both sealed to the recipient.

    Of a bundle that does not hold the clip is written too, for whoever judges it, and it exits 1. It is sealed only
    where what the recipient's key hangs on was checked and holds.
    """
    _check_out(out)
    if language not in {"sv", "en"}:
        raise typer.BadParameter("sv or en", param_hint="--language")
    keys = distinct_owners([read_private_keys(path) for path in key])
    _note(log or out.with_name(desk_log.FILE_NAME), paths, keys, out)
    if len(paths) == 1 and _is_sealed(paths[0]):
        _open_handover(paths[0], keys, out)
        return
    with _work(out) as work:
        if any(is_bundle(path) for path in paths):
            made, report = _opened_bundle(
                paths, keys, node, _root(root), later=_later(mandate), work=work, out=out, language=language
            )
        else:
            clips, report = Desk(work=work, out=out).open_all(
                find(paths, slot_path=slot, node_path=node), keys
            )
            made = [*clips, *_reports(work, out, report)]
        _check_room(out, [path.name for path in made])
        for path in made:
            path.chmod(0o600)
            path.rename(out.parent / path.name)
    typer.echo(report.as_json().decode() if as_json else report.as_text(), nl=False)
    _refuse_bad(out, report)


def _refuse_bad(out: Path, report: Report) -> None:
    """What does not hold is opened all the same, for whoever has to judge it; but nobody shall take it for sound."""
    bad = [one.number for one in report.release.findings if one.verdict == "bad"] if report.release else []
    if bad or (report.release is None and report.not_sealed):
        raise Refused(
            f"{out} was written, but do not rely on it: {', '.join(bad) or report.not_sealed} does not hold"
        )


def _opened_bundle(
    paths: list[Path],
    keys: Mapping[str, PrivateKeys],
    node: Path | None,
    root: Root | None,
    *,
    later: list[Mandate],
    work: Path,
    out: Path,
    language: str,
) -> tuple[list[Path], Report]:
    """Everything that is made of a bundle, in `work`, and the report."""
    if len(paths) != 1:
        raise Refused("one bundle is opened at a time: each has an order of its own")
    found = judged(paths[0], node=node, root=root, later=later)
    clips, report = open_bundle(paths[0], keys=keys, node=node, found=found, work=work, out=out)
    release = report.release
    if release is None:
        return [*clips, *_reports(work, out, report)], report
    key, report = _sealed_to(found, report)
    made = [*clips, *_reports(work, out, report)]
    page = work / f"{out.stem}.report.pdf"
    spoken: Language = "sv" if language == "sv" else "en"
    page.write_bytes(page_of(report, release, language=spoken))
    made.append(page)
    if key is not None:
        sealed = work / f"{out.stem}{handover.SUFFIX}"
        inside = {handover.STEM + path.name.removeprefix(out.stem): path for path in made}
        handover.seal(inside, recipient=release.recipient, key=key, out=sealed)
        made.append(sealed)
    return made, report


def _sealed_to(found: Judged, report: Report) -> tuple[Jwk | None, Report]:
    """The recipient's key; or None, and the report says why there is none."""
    try:
        return key_of_recipient(found, report.segments), report
    except Refused as refusal:
        return None, msgspec.structs.replace(report, not_sealed=str(refusal))


def _reports(work: Path, out: Path, report: Report) -> list[Path]:
    beside = {
        f"{out.stem}.report.json": report.as_json(),
        f"{out.stem}.report.txt": report.as_text().encode(),
    }
    for name, data in beside.items():
        (work / name).write_bytes(data)
    return [work / name for name in beside]


def _open_handover(path: Path, keys: Mapping[str, PrivateKeys], out: Path) -> None:
    """What was sealed to a recipient: its files, named like `out`."""
    if len(keys) != 1:
        raise Refused("what was sealed to a recipient opens with that recipient's key alone")
    with _work(out) as work:
        made = handover.open_sealed(path, key=next(iter(keys.values())), into=work)
        names = [out.stem + one.name.removeprefix(handover.STEM) for one in made]
        for name in names:
            if os.path.lexists(out.with_name(name)):
                raise Refused(f"{out.with_name(name)} exists: name another file")
        for one, name in zip(made, names, strict=True):
            one.chmod(0o600)
            one.rename(out.with_name(name))
    typer.echo(f"{', '.join(names)}: opened")


def _is_sealed(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(handover.MAGIC)) == handover.MAGIC


@contextmanager
def _work(out: Path) -> Iterator[Path]:
    """A folder of its own, so that a refusal half way leaves nothing that looks like a clip."""
    work = Path(tempfile.mkdtemp(prefix=".stolpe-", dir=out.parent))
    try:
        yield work
    finally:
        shutil.rmtree(work)


def _note(log: Path, paths: list[Path], keys: Mapping[str, PrivateKeys], out: Path) -> None:
    """Into the desk's log, before anybody sees anything."""
    others = " and others" if len(paths) > MOST_NAMED else ""
    subject = ", ".join(path.name for path in paths[:MOST_NAMED]) + others
    reason = f"with keys of {', '.join(keys)} into {out.name}"
    desk_log.note(
        log, clock=SystemClock(), action="opened", subject=printable(subject), reason=printable(reason)
    )


def _root(path: Path | None) -> Root | None:
    return None if path is None else trust.first_root(read_document(path)).document


def _check_out(out: Path) -> None:
    """What can be refused before anything is opened."""
    if not out.parent.is_dir():
        raise Refused(f"{out.parent}: there is no such folder")
    if out.suffix != ".mp4":
        raise Refused(f"{out}: the clip's name must end in .mp4")
    _check_room(out, [out.name])


def _check_room(out: Path, clips: list[str]) -> None:
    """Nothing is written over but what an earlier opening of that name has left, which its report tells."""
    report = out.with_name(f"{out.stem}.report.json")
    others = [f"{out.stem}.report.txt", f"{out.stem}.report.pdf", f"{out.stem}{handover.SUFFIX}"]
    names = [*dict.fromkeys([*clips, report.name, *others])]
    there = [name for name in names if os.path.lexists(out.with_name(name))]
    if not there:
        return
    try:
        earlier = msgspec.json.decode(report.read_bytes(), type=Report)
    except (OSError, msgspec.DecodeError):
        earlier = None
    ours = set() if earlier is None else {report.name, *others, *(clip.file for clip in earlier.clips)}
    for name in there:
        if name not in ours or not out.with_name(name).is_file() or out.with_name(name).is_symlink():
            raise Refused(
                f"{out.with_name(name)} exists and is no earlier clip of this name: name another file"
            )
