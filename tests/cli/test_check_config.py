"""`stolpe check config`: what a person should know of a configuration that is not wrong."""

import pwd
from pathlib import Path

from system.program import stolpe

LEAST = '[node]\nid = "n-1"\norganisation = "x"\n[broker]\nhost = "b"\n[users]\n'
FIRST, SECOND, THIRD = (entry.pw_name for entry in pwd.getpwall()[:3])


def test_a_user_that_is_not_there_and_a_user_of_two_daemons_are_told_but_are_no_errors(
    tmp_path: Path,
) -> None:
    config = tmp_path / "node.toml"
    config.write_text(
        f'{LEAST}camera = "{FIRST}"\nrecorder = "{FIRST}"\nuplink = "{SECOND}"\ncommissioning = "nobody-of-this-name"\n'
    )
    done = stolpe("check", "config", config)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "users.commissioning: this machine has no user nobody-of-this-name: nothing is taken from that daemon",
        "users.camera and users.recorder: one user: an inbox cannot tell these daemons apart",
        f"{config}: node n-1, broker b:8883: as it must be",
    ]


def test_of_a_configuration_in_order_there_is_one_line(tmp_path: Path) -> None:
    config = tmp_path / "node.toml"
    users = f'camera = "{FIRST}"\nrecorder = "{SECOND}"\nuplink = "{THIRD}"\ncommissioning = "nobody"\n'
    config.write_text(LEAST + users)
    done = stolpe("check", "config", config)
    assert (done.code, len(done.out.splitlines())) == (0, 1)
