#!/bin/sh
# Makes the virtual environment $VENV from the pinned, hashed requirements. Installs the Debian packages
# that are missing where it may (root, or sudo without a password), and else says which they are.
set -eu
PYTHON=${PYTHON:-python3}
VENV=${VENV:-.venv}

missing=""
command -v mosquitto >/dev/null 2>&1 || [ -x /usr/sbin/mosquitto ] || missing="$missing mosquitto"
command -v ffprobe >/dev/null 2>&1 || missing="$missing ffmpeg"
if ! command -v "$PYTHON" >/dev/null 2>&1; then
    missing="$missing python3 python3-venv"
elif ! "$PYTHON" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    missing="$missing python3-venv"
fi

install_missing() {
    if [ "$(id -u)" = 0 ]; then as_root=""; elif sudo -n true 2>/dev/null; then as_root="sudo -n"; else return 1; fi
    command -v apt-get >/dev/null 2>&1 || return 1
    echo "setup: installing Debian packages:$missing"
    $as_root apt-get update -qq || return 1
    # shellcheck disable=SC2086 — both are lists of words
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null || return 1
    # The demo and the tests start brokers of their own. The one that the package has just started, for this
    # machine alone on port 1883, is nobody's; a broker that was here before is not touched.
    case "$missing" in *mosquitto*)
        [ ! -d /run/systemd/system ] || $as_root systemctl disable -q --now mosquitto.service || return 1 ;;
    esac
}

if [ -n "$missing" ] && ! install_missing; then
    echo "setup: these Debian packages are missing and could not be installed by this user:$missing" >&2
    echo "setup:   sudo apt-get install$missing" >&2
    # ffmpeg is for tests, mosquitto for tests and the demo: without them they say so. Python is not optional.
    case "$missing" in *python3*) exit 1 ;; esac
fi

"$PYTHON" - <<'PY' || exit 1
import sys
if sys.version_info < (3, 11):
    sys.exit(f"setup: Python 3.11 or newer is needed, this is {sys.version.split()[0]}: make setup PYTHON=python3.13")
PY

rm -f "$VENV/.ready"
[ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV"
"$VENV/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.lock
"$VENV/bin/python" -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
touch "$VENV/.ready"
echo "setup: $("$VENV/bin/python" --version) in $VENV; the command is $VENV/bin/stolpe"
