"""The choice of the cipher, and records that are numbered."""

import hmac
from pathlib import Path

import pytest

from node.errors import CannotOpen
from node.sealing.aead import AEAD_NAMES, Aead, AeadName, derive, fastest_aead, new_key

KEY = bytes(range(32))

PI_4 = """\
processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU part\t: 0xd08

Model\t\t: Raspberry Pi 4 Model B Rev 1.5
"""
PI_5 = """\
processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp
CPU implementer\t: 0x41
CPU part\t: 0xd0b

Model\t\t: Raspberry Pi 5 Model B Rev 1.0
"""
PC_WITH_AES = "processor\t: 0\nflags\t\t: fpu vme sse2 aes avx\n"
PC_WITHOUT_AES = "processor\t: 0\nflags\t\t: fpu vme sse2 vaes_not aesni\n"


@pytest.mark.parametrize(
    ("cpuinfo", "name"),
    [
        (PI_4, "ChaCha20-Poly1305"),
        (PI_5, "AES-256-GCM"),
        (PC_WITH_AES, "AES-256-GCM"),
        (PC_WITHOUT_AES, "ChaCha20-Poly1305"),
        ("", "ChaCha20-Poly1305"),
        ("Model\t: aes aes aes\n", "ChaCha20-Poly1305"),
    ],
    ids=["Pi 4", "Pi 5", "PC", "old PC", "empty", "no features"],
)
def test_aes_is_chosen_where_the_processor_has_it(cpuinfo: str, name: AeadName, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    assert fastest_aead(tmp_path / "cpuinfo") == name


def test_without_word_of_the_processor_the_cipher_is_chacha(tmp_path: Path) -> None:
    assert fastest_aead(tmp_path / "cpuinfo") == "ChaCha20-Poly1305"


@pytest.mark.parametrize("name", AEAD_NAMES)
def test_a_record_opens_under_its_key_number_and_binding_alone(name: AeadName) -> None:
    aead = Aead(name, KEY)
    sealed = aead.seal(7, b"plain", b"bound")
    assert aead.open(7, sealed, b"bound") == b"plain"
    for other, index, binding in (
        (aead, 8, b"bound"),
        (aead, 7, b"bind"),
        (Aead(name, bytes(32)), 7, b"bound"),
    ):
        with pytest.raises(CannotOpen):
            other.open(index, sealed, binding)


@pytest.mark.parametrize("name", AEAD_NAMES)
def test_a_tag_of_16_bytes_is_all_that_sealing_adds(name: AeadName) -> None:
    assert [len(Aead(name, KEY).seal(n, bytes(n), b"")) for n in (0, 1, 255)] == [16, 17, 271]


@pytest.mark.parametrize("name", AEAD_NAMES)
def test_what_is_shorter_than_a_tag_does_not_open(name: AeadName) -> None:
    for length in range(16):
        with pytest.raises(CannotOpen):
            Aead(name, KEY).open(0, bytes(length), b"")


def test_the_ciphers_do_not_open_each_others_records() -> None:
    aes, chacha = (Aead(name, KEY) for name in AEAD_NAMES)
    with pytest.raises(CannotOpen):
        chacha.open(0, aes.seal(0, b"plain", b""), b"")


def test_the_error_does_not_tell_which_check_failed() -> None:
    aead, texts = Aead("AES-256-GCM", KEY), set()
    sealed = aead.seal(0, b"plain", b"bound")
    for ciphertext, binding in ((sealed[:-1] + b"\0", b"bound"), (sealed, b"other"), (b"", b"bound")):
        with pytest.raises(CannotOpen) as caught:
            aead.open(0, ciphertext, binding)
        texts.add(str(caught.value))
    assert len(texts) == 1


def test_a_derived_key_is_that_of_rfc_5869_for_its_purpose() -> None:
    # HMAC by hand: without salt PRK = HMAC(zeros, key), OKM = HMAC(PRK, info, 0x01).
    prk = hmac.digest(bytes(32), KEY, "sha256")
    assert derive(KEY, info=b"purpose") == hmac.digest(prk, b"purpose\x01", "sha256")
    assert derive(KEY, info=b"purpose") != derive(KEY, info=b"other")


def test_new_keys_are_32_bytes_that_do_not_repeat() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert {len(key) for key in keys} == {32}
