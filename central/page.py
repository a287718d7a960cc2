"""The page that goes with a clip: what it shows, whence it comes, and what was checked; for whoever judges it.

One page of A4, in Swedish or English. Whatever is foreign is drawn as text, never obeyed.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Final, Literal
from zoneinfo import ZoneInfo

from reportlab.lib.pagesizes import A4  # type: ignore[import-untyped]  # it has no types of its own
from reportlab.lib.units import mm  # type: ignore[import-untyped]  # it has no types of its own
from reportlab.pdfbase.pdfmetrics import stringWidth  # type: ignore[import-untyped]  # it has no types of its own
from reportlab.pdfgen.canvas import Canvas  # type: ignore[import-untyped]  # it has no types of its own

from central.report import FindingLine, ReleaseLine, Report
from node.clock import parse_rfc3339, utc_moment
from node.errors import printable

Language = Literal["sv", "en"]

_FONT, _BOLD, _SIZE, _LEADING = "Helvetica", "Helvetica-Bold", 8.5, 11.0
_LEFT, _TOP, _BOTTOM, _INDENT = 18 * mm, A4[1] - 16 * mm, 14 * mm, 42 * mm
MOST_ROWS: Final = 6
"""Of gaps, segments and hashes: the rest is in the report as text and JSON, and the page says so."""

MOST_PARTS: Final = 3
"""Lines of the page that one thing may take."""

_WORDS: Final[Mapping[Language, Mapping[str, str]]] = {
    "en": {
        "title": "Released surveillance footage",
        "what": "Footage",
        "from_to": "{first} to {last} (UTC; {frames} pictures)",
        "asked": "Ordered",
        "node": "Camera node",
        "place": "Place",
        "controller": "Controller",
        "decision": "Decision",
        "case": "Case",
        "recipient": "For",
        "released": "Released by",
        "clock": "Clock",
        "masks": "Masks in force",
        "no_masks": "none: the decision says that nothing is to be masked",
        "gaps": "Gaps",
        "no_gaps": "none known",
        "files": "Files (SHA-256)",
        "bundle": "bundle",
        "checks": "Checked",
        "notes": "Notes",
        "more": "and {count} more: see the report as text",
        "good": "holds",
        "bad": "DOES NOT HOLD",
        "all_good": "Every check holds",
        "not checked": "not checked",
        "keys": "Opened with",
        "signature": "node's signature",
        "missing": "missing",
        "local": "{first} to {last} local time",
        "synchronised": "synchronised with network time",
        "battery": "battery clock of the node",
        "simulated": "simulated: no real time",
        "demo": "demonstration: the time is not vouched for",
        "untrusted": "not trusted",
        "x25519": "X25519 alone: not secret against a later quantum computer",
        "hybrid": "ML-KEM-768 with X25519",
        "salvage": "salvaged from the node's card by {signer}",
        "foot": "The clip has the pictures as the node recorded them, not encoded again. "
        "Masked areas were never recorded.",
    },
    "sv": {
        "title": "Utlämnat material från kamerabevakning",
        "what": "Material",
        "from_to": "{first} till {last} (UTC; {frames} bilder)",
        "asked": "Begärt",
        "node": "Kameranod",
        "place": "Plats",
        "controller": "Personuppgiftsansvarig",
        "decision": "Beslut",
        "case": "Ärende",
        "recipient": "Mottagare",
        "released": "Utlämnat av",
        "clock": "Klocka",
        "masks": "Gällande maskning",
        "no_masks": "ingen: beslutet säger att inget ska maskas",
        "gaps": "Luckor",
        "no_gaps": "inga kända",
        "files": "Filer (SHA-256)",
        "bundle": "bunt",
        "checks": "Kontrollerat",
        "notes": "Anmärkningar",
        "more": "och {count} till: se rapporten som text",
        "good": "stämmer",
        "bad": "STÄMMER INTE",
        "all_good": "Allt som kontrollerats stämmer",
        "not checked": "ej kontrollerat",
        "keys": "Öppnat med",
        "signature": "nodens signatur",
        "missing": "saknas",
        "local": "{first} till {last} lokal tid",
        "synchronised": "synkroniserad med nättid",
        "battery": "nodens batteriklocka",
        "simulated": "simulerad: ingen verklig tid",
        "demo": "demonstration: tiden är inte styrkt",
        "untrusted": "inte betrodd",
        "x25519": "enbart X25519: inte hemligt för en framtida kvantdator",
        "hybrid": "ML-KEM-768 med X25519",
        "salvage": "bärgat från nodens kort av {signer}",
        "foot": "Klippet innehåller bilderna så som noden spelade in dem, inte omkodade. "
        "Maskade ytor spelades aldrig in.",
    },
}
_CHECKS_SV: Final = {
    "B1": "inget i filen är avhugget, skadat eller saknas",
    "B2": "innehållsförteckning och slut är signerade av den som uppges ha gjort bunten: noden, eller en utlämnare",
    "B3": "begäran är den som innehållsförteckningen nämner",
    "B4": "tillräckligt många olika utlämnare har signerat begäran, ingen av dem återkallad",
    "B5": "besluten är signerade av den personuppgiftsansvarige (rotdokumentet)",
    "B6": "varje segment är, byte för byte, det som innehållsförteckningen nämner",
    "B7": "varje segment är signerat av noden: dess avslutning, eller nodens egen innehållsförteckning där den saknas",
    "B8": "varje segment är från denna nod och under ett beslut i bunten",
    "B9": "tidsskiktet öppnas av varje segments nyckel",
    "B10": "begäran står i nodens logg, enligt dess signerade kontrollpunkt",
}
_GAPS_SV: Final = {
    "destroyed": "gallrat",
    "evicted": "överskrivet av platsskäl",
    "not_filmed": "inte filmat",
    "being_written": "spelades in när begäran kom",
    "unknown": "okänt",
}
_GAPS_EN: Final = {
    "destroyed": "destroyed at the end of its retention",
    "evicted": "overwritten for lack of room",
    "not_filmed": "not filmed",
    "being_written": "being recorded when the order came",
    "unknown": "not known",
}


def page_of(report: Report, release: ReleaseLine, *, language: Language) -> bytes:
    """The page as PDF."""
    words = _WORDS[language]
    made = io.BytesIO()
    canvas = Canvas(made, pagesize=A4, invariant=1, pageCompression=1)
    canvas.setTitle(f"{words['title']}: {_drawn(release.case)}")
    sheet = _Sheet(canvas)
    sheet.title(words["title"])
    verdict, bad = _verdict(release, words, language)
    sheet.verdict(verdict)
    if bad:
        sheet.row("", bad)
    for name, lines in _rows(report, release, words, language):
        sheet.row(words[name], _most(lines, words))
    sheet.foot(words["foot"])
    canvas.showPage()
    canvas.save()
    return made.getvalue()


def _rows(
    report: Report, told: ReleaseLine, words: Mapping[str, str], language: Language
) -> list[tuple[str, Sequence[str]]]:
    gap_words = _GAPS_SV if language == "sv" else _GAPS_EN
    gaps = [
        (gap.start, gap.until, gap_words.get(gap.reason, gap.reason)) for gap in (*told.missing, *report.gaps)
    ]
    maker = words["salvage"].format(signer=told.made_by) if told.made_by != "node" else told.node
    files = [f"{clip.file}: {clip.sha256}" for clip in report.clips]
    kems = [f"{who}: {words['hybrid' if 'MLKEM' in kem else 'x25519']}" for who, kem in report.kems.items()]
    masks = sorted({line.masks or words["no_masks"] for line in report.segments})
    verdicts = [
        f"{words[verdict]}: {', '.join(found.number for found in told.findings if found.verdict == verdict)}"
        for verdict in ("good", "not checked")
        if any(found.verdict == verdict for found in told.findings)
    ]
    signatures = sorted({words[line.signature] for line in report.segments})
    span = [words["from_to"].format(first=report.first, last=report.last, frames=report.frames)]
    for zone in sorted({one.timezone for one in told.mandates}):
        span.append(words["local"].format(first=_local(report.first, zone), last=_local(report.last, zone)))
    notes = [f"{line.segment}: {note}" for line in report.segments for note in line.notes]
    return [
        ("what", span),
        ("asked", [f"{told.start} - {told.until}", f"{told.order} ({told.order_digest})"]),
        ("case", [told.case]),
        ("recipient", [told.recipient]),
        ("released", [", ".join(told.signed_by) or "-"]),
        ("keys", kems),
        ("place", sorted({f"{one.site} ({one.timezone})" for one in told.mandates})),
        ("controller", sorted({one.controller for one in told.mandates})),
        (
            "decision",
            [f"{one.reference}, v{one.version}: {one.purpose} ({one.digest})" for one in told.mandates],
        ),
        ("node", [maker, f"Ed25519 {told.node_key}", f"{words['signature']}: {', '.join(signatures)}"]),
        ("clock", sorted({words.get(line.time_trust, line.time_trust) for line in report.segments})),
        ("masks", masks),
        ("gaps", [f"{a} - {b}: {why}" for a, b, why in gaps] or [words["no_gaps"]]),
        ("files", [f"{words['bundle']}: {told.bundle_sha256}", *files]),
        ("checks", verdicts),
        *([("notes", [*report.not_opened, *notes])] if notes or report.not_opened else []),
    ]


def _verdict(told: ReleaseLine, words: Mapping[str, str], language: Language) -> tuple[str, Sequence[str]]:
    """In one line whether it holds, and every check that does not: nothing that comes later on the page hides them."""
    bad = [found for found in told.findings if found.verdict == "bad"]
    open_ = [found.number for found in told.findings if found.verdict == "not checked"]
    if bad:
        line = f"{words['bad']}: {', '.join(found.number for found in bad)}"
    else:
        line = (
            words["all_good"] if not open_ else f"{words['good']}; {words['not checked']}: {', '.join(open_)}"
        )
    return line, [f"{found.number}: {words['bad']}: {_check_words(found, language)}" for found in bad]


def _local(moment: str, zone: str) -> str:
    return f"{utc_moment(parse_rfc3339(moment)).astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S %Z}"


def _check_words(found: FindingLine, language: Language) -> str:
    """A check that fails says what was found, as it was found."""
    if language == "en":
        return found.what
    said, _, wrong = _CHECKS_SV.get(found.number, found.what), *found.what.partition(": not so: ")[1:]
    return f"{said} [{wrong}]" if found.verdict == "bad" else said


def _most(lines: Sequence[str], words: Mapping[str, str]) -> Sequence[str]:
    if len(lines) <= MOST_ROWS:
        return lines
    return [*lines[: MOST_ROWS - 1], words["more"].format(count=len(lines) - MOST_ROWS + 1)]


class _Sheet:
    """A page filled from the top; what finds no room is left out, which its last line says."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._y = _TOP
        self._is_full = False

    def title(self, text: str) -> None:
        self._canvas.setFont(_BOLD, 15)
        self._canvas.drawString(_LEFT, self._y, text)
        self._y -= 22

    def verdict(self, text: str) -> None:
        self._canvas.setFont(_BOLD, 11)
        self._canvas.drawString(_LEFT, self._y, text)
        self._y -= 16

    def row(self, name: str, lines: Sequence[str]) -> None:
        if self._is_full:
            return
        self._canvas.setFont(_BOLD, _SIZE)
        self._canvas.drawString(_LEFT, self._y, name)
        self._canvas.setFont(_FONT, _SIZE)
        for line in lines:
            parts = _wrapped(_drawn(line), A4[0] - 2 * _LEFT - _INDENT)
            if len(parts) > MOST_PARTS:
                parts = [*parts[: MOST_PARTS - 1], "..."]
            for part in parts:
                if self._y < _BOTTOM + 3 * _LEADING:
                    self._canvas.drawString(_LEFT + _INDENT, self._y, "...")
                    self._is_full = True
                    return
                self._canvas.drawString(_LEFT + _INDENT, self._y, part)
                self._y -= _LEADING
        self._y -= 3

    def foot(self, text: str) -> None:
        self._canvas.setFont(_FONT, _SIZE - 1)
        self._canvas.drawString(_LEFT, _BOTTOM, text)


def _drawn(text: str) -> str:
    """What the page's font has a letter for."""
    return printable(text).encode("cp1252", "replace").decode("cp1252")


def _wrapped(text: str, width: float) -> list[str]:
    """Lines that fit, broken between words or, where a word is too long, within it."""
    lines, line = [], ""
    for word in text.split(" "):
        rest = word
        if line and stringWidth(f"{line} {rest}", _FONT, _SIZE) <= width:
            line = f"{line} {rest}"
            continue
        if line:
            lines.append(line)
        while stringWidth(rest, _FONT, _SIZE) > width:
            cut = next(n for n in range(len(rest), 0, -1) if stringWidth(rest[:n], _FONT, _SIZE) <= width)
            lines.append(rest[:cut])
            rest = rest[cut:]
        line = rest
    return [*lines, line]
