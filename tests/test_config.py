"""The configuration: its defaults, its bounds, errors with file and key, and that the README tells all of it."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from node.config import MAX_CONFIG_BYTES, NodeConfig, read_config
from node.errors import Refused

README = Path(__file__).parents[1] / "README.md"
LEAST = '[node]\nid = "n-7f3a"\norganisation = "exempelstad"\n[broker]\nhost = "mqtt.example"\n'
DEFAULTS: dict[str, dict[str, object]] = {
    "node": {"id": "n-7f3a", "organisation": "exempelstad"},
    "broker": {
        "host": "mqtt.example",
        "port": 8883,
        "ca_file": "/etc/stolpe/tls/ca.pem",
        "certificate_file": "/etc/stolpe/tls/node.pem",
        "keepalive_seconds": 30,
        "will_delay_seconds": 15,
        "session_expiry_seconds": 7 * 86_400,
    },
    "uplink": {"health_seconds": 30, "republish_seconds": 3600, "outbox_bytes": 64 * 1024**2},
    "sensor": {
        "source": "picamera2",
        "main": (1920, 1080),
        "lores": (640, 360),
        "frames_per_second": 15.0,
        "bits_per_second": 4_000_000,
        "videos": (),
        "hung_seconds": 5.0,
    },
    "paths": {
        "ring": "/var/lib/stolpe/ring",
        "root": "/etc/stolpe/root.jws.json",
        "documents": "/var/lib/stolpe/documents",
        "epoch_slot": "/var/lib/stolpe/epochs.slot",
        "audit": "/var/lib/stolpe/audit",
        "node_key": "/var/lib/stolpe/node.key",
        "camera_key": "/run/credentials/stolpe-camera.service/camera.key",
        "outbox": "/var/lib/stolpe-uplink/outbox.sqlite",
        "release_medium": "",
        "run": "/run/stolpe",
    },
    "ring": {"capacity_bytes": 32 * 1024**3, "reserve_bytes": 64 * 1024**2},
    "users": {
        "camera": "stolpe-camera",
        "recorder": "stolpe-recorder",
        "uplink": "stolpe-uplink",
        "commissioning": "stolpe-commissioning",
    },
}


def read(folder: Path, text: str | bytes) -> NodeConfig:
    path = folder / "node.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_config(path)


def with_key(dotted: str, value: str) -> str:
    """The least configuration with one key set to a TOML value, in place of what it had."""
    section, _, key = dotted.partition(".")
    kept = re.sub(rf"^{key} = .*\n", "", LEAST, flags=re.MULTILINE)
    if f"[{section}]" in kept:
        return kept.replace(f"[{section}]\n", f"[{section}]\n{key} = {value}\n")
    return f"{kept}[{section}]\n{key} = {value}\n"


def videos(count: int) -> str:
    return str([f"/{number}" for number in range(count)])


def test_what_is_not_said_has_a_default(tmp_path: Path) -> None:
    assert msgspec.to_builtins(read(tmp_path, LEAST)) == DEFAULTS


def test_what_is_said_replaces_the_default(tmp_path: Path) -> None:
    config = read(tmp_path, with_key("sensor.main", "[1280, 720]"))
    assert config.sensor.main == (1280, 720)
    assert config.sensor.lores == (640, 360)


def test_a_configuration_cannot_be_changed_afterwards(tmp_path: Path) -> None:
    config = read(tmp_path, LEAST)
    with pytest.raises(AttributeError):
        config.ring.capacity_bytes = 1  # type: ignore[misc]  # that it is forbidden is the point


@pytest.mark.parametrize("section", DEFAULTS)
def test_an_unknown_key_is_an_error_that_names_file_section_and_key(tmp_path: Path, section: str) -> None:
    with pytest.raises(Refused, match=rf"node\.toml: .*`surprise`.*\$\.{section}`"):
        read(tmp_path, with_key(f"{section}.surprise", "1"))


@pytest.mark.parametrize("text", ["surprise = 1\n", "[surprise]\nkey = 1\n"])
def test_an_unknown_key_outside_the_sections_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(Refused, match=r"node\.toml: .*`surprise`"):
        read(tmp_path, text + LEAST)


@pytest.mark.parametrize("key", ["node.id", "node.organisation", "broker.host"])
def test_what_has_no_default_must_be_said(tmp_path: Path, key: str) -> None:
    section, name = key.split(".")
    text = re.sub(rf"^{name} = .*\n", "", LEAST, flags=re.MULTILINE)
    with pytest.raises(Refused, match=rf"node\.toml: .*missing required field `{name}` - at `\$\.{section}`"):
        read(tmp_path, text)


@pytest.mark.parametrize("section", ["node", "broker"])
def test_a_section_without_defaults_must_be_there(tmp_path: Path, section: str) -> None:
    text = LEAST.replace(f"[{section}]", "[paths.other]")
    with pytest.raises(Refused, match=r"node\.toml: "):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("node.id", ['"n"', '"0-a"'], ['""', '"N-1"', '"-a"', '"n 1"', '"n/1"', '"n+"', "1", f'"{"n" * 49}"']),
        ("node.organisation", [f'"{"n" * 48}"'], ['""', '"Ö"', '"a/b"', '"#"']),
        ("broker.host", ['"h"', '"::1"', f'"{"h" * 253}"'], ['""', f'"{"h" * 254}"', "1", '"h h"', '"-h"']),
        ("broker.port", ["1", "65535"], ["0", "65536", "-1", '"8883"', "8883.5", "true"]),
        ("broker.ca_file", ['"/ca.pem"'], ['"ca.pem"', '""', f'"/{"c" * 255}"', r'"/c\u0000"', r'"/c\n"']),
        ("broker.certificate_file", ['"/node.pem"'], ['"~/node.pem"']),
        ("broker.keepalive_seconds", ["5", "600"], ["4", "601", "30.5"]),
        ("broker.will_delay_seconds", ["0", "3600"], ["-1", "3601"]),
        ("broker.session_expiry_seconds", ["0", "2_592_000"], ["-1", "2_592_001"]),
        ("uplink.health_seconds", ["1", "3600"], ["0", "3601", '"30"']),
        ("uplink.republish_seconds", ["60", "86_400"], ["59", "86_401"]),
        ("uplink.outbox_bytes", ["1_048_576", "17_179_869_184"], ["1_048_575", "17_179_869_185"]),
        ("sensor.source", ['"replay"', '"synthetic"'], ['"webcam"', '""']),
        ("sensor.main", ["[32, 32]", "[8192, 8192]"], ["[31, 32]", "[32, 8193]", "[32]", "[32, 32, 32]", "32"]),
        ("sensor.lores", ["[32, 32]"], ["[0, 32]", "[32, -32]", "[32.5, 32]"]),
        (
            "sensor.frames_per_second",
            ["0.1", "60", "60.0"],
            ["0", "0.0", "-1", "60.1", "nan", "inf", "-inf"],
        ),
        ("sensor.bits_per_second", ["100_000", "50_000_000"], ["99_999", "50_000_001", "4e6"]),
        ("sensor.videos", ["[]", '["/a", "/b"]', videos(100)], ['["a"]', '"/a"', videos(101)]),
        ("sensor.hung_seconds", ["1", "60.0"], ["0.9", "60.1", "nan"]),
        ("paths.ring", ['"/r"'], ['"r"', "1"]),
        ("paths.root", ['"/r"'], ['"r"']),
        ("paths.documents", ['"/d"'], ['"./d"']),
        ("paths.epoch_slot", ['"/sys/bus/i2c/devices/1-0050/eeprom"'], ['"eeprom"']),
        ("paths.audit", ['"/a"'], ['"a"']),
        ("paths.node_key", ['"/n"'], ['"n"']),
        ("paths.camera_key", ['"/c"'], ['"c"']),
        ("paths.outbox", ['"/o"'], ['"o"']),
        ("paths.release_medium", ['"/media/release"', '""'], ['"media"', "1"]),
        ("paths.run", ['"/run"'], ['"run"']),
        ("ring.capacity_bytes", ["16_777_216", "1_125_899_906_842_624"], ["16_777_215", "1_125_899_906_842_625"]),
        ("ring.reserve_bytes", ["0", "1_099_511_627_776"], ["-1", "1_099_511_627_777"]),
        ("users.camera", ['"c"', '"_c-1"', f'"{"c" * 32}"'], ['""', '"C"', '"1c"', '"c c"', f'"{"c" * 33}"', r'"c\n"']),
        ("users.recorder", ['"r"'], ['"r/r"', "0"]),
        ("users.uplink", ['"u"'], ['"ü"']),
        ("users.commissioning", ['"c"'], ['"c:c"']),
    ],
)  # fmt: skip
def test_every_value_has_bounds_and_an_error_names_file_and_key(
    tmp_path: Path, key: str, good: list[str], bad: list[str]
) -> None:
    for value in good:
        read(tmp_path, with_key(key, value))
    for value in bad:
        with pytest.raises(Refused, match=rf"^[^\n]*node\.toml: [^\n]+ - at `\$\.{re.escape(key)}"):
            read(tmp_path, with_key(key, value))


def test_every_key_has_a_row_of_bounds() -> None:
    marks = test_every_value_has_bounds_and_an_error_names_file_and_key.pytestmark  # type: ignore[attr-defined]  # pytest adds it
    assert [row[0] for row in marks[0].args[1]] == [
        f"{s}.{key}" for s, keys in DEFAULTS.items() for key in keys
    ]


@pytest.mark.parametrize(
    "text",
    ["[node", "= 1", '"a" = ', "\x00", b"\xff", b"\xef\xbb\xbf[node]", "[node]\n[node]\n", "a = 2026-13-45"],
)
def test_what_is_no_toml_is_refused_in_one_line(tmp_path: Path, text: str | bytes) -> None:
    with pytest.raises(Refused, match=r"^[^\n]*node\.toml: [^\n]+\Z"):
        read(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("x = " + "[" * 20_000, id="nested arrays"),
        pytest.param("x = " + "{a=" * 10_000, id="nested tables"),
        pytest.param("[ring]\ncapacity_bytes = " + "1" * 5_000, id="a number of 5000 digits"),
        pytest.param('"a\\nb" = 1', id="a key of two lines"),
        pytest.param(with_key("node.id", '"n-1\\n"'), id="an id that ends with a newline"),
    ],
)
def test_what_nobody_would_write_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(Refused, match=r"^[^\n]*node\.toml: [^\n]+\Z"):
        read(tmp_path, text)


def test_the_size_of_a_configuration_has_a_bound(tmp_path: Path) -> None:
    largest = LEAST + "#" * (MAX_CONFIG_BYTES - len(LEAST))
    assert read(tmp_path, largest).node.id == "n-7f3a"
    with pytest.raises(Refused, match=r"node\.toml: too large"):
        read(tmp_path, largest + "#")


@pytest.mark.parametrize("name", ["absent.toml", ".", "absent/node.toml"])
def test_a_configuration_that_cannot_be_read_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refused, match=r"^[^\n]+: [A-Z][a-z ]+$"):
        read_config(tmp_path / name)


def readme_rows() -> list[tuple[str, str, str]]:
    """Key, default and meaning of every row of the README's table under "Configuration"."""
    _, heading, rest = README.read_text().partition("\n## Configuration\n")
    assert heading, "README.md has no heading Configuration"
    return re.findall(r"^\| `([^`]+)` \| (.*?) \| (.*?) \|$", rest.partition("\n## ")[0], flags=re.MULTILINE)


def test_the_readme_names_every_key_once_and_no_other() -> None:
    fields = [f"{section}.{key}" for section, keys in DEFAULTS.items() for key in keys]
    assert [key for key, _, _ in readme_rows()] == fields


def test_the_readme_tells_the_default_and_the_meaning_of_every_key() -> None:
    required = {"node.id", "node.organisation", "broker.host"}
    for key, default, meaning in readme_rows():
        section, name = key.split(".")
        if key in required:
            assert default == "required"
        else:
            told = json.loads(default.strip("`"))
            assert json.dumps(told) == json.dumps(DEFAULTS[section][name]), key
        assert len(meaning) > 3
