"""An order is acted on once, also after a restart, and whatever of a disk was put back."""

from pathlib import Path

import msgspec
import pytest
from recorder.footage import START_NS
from recorder.release_office import MINUTE, Office

from node.clock import NS
from node.mandate.ids import new_ulid
from node.recorder.audit_log import AuditLog


def test_an_order_is_used_once_also_after_a_restart(office: Office) -> None:
    office.record(0)
    order = office.order(until=MINUTE)
    assert office.ask(order).accepted
    office.delivered()
    assert "was used before" in office.ask(order).reason
    office.station.stop()
    office.station.start()
    assert "was used before" in office.ask(order).reason


def test_a_restart_in_the_middle_ends_the_release_and_says_so(office: Office) -> None:
    office.record(0)
    order = office.order(until=MINUTE)
    office.ask(order)
    consumed = Path(office.station.config.paths.documents) / "consumed.json"
    running = consumed.read_bytes()
    office.station.stop()
    consumed.write_bytes(running)  # as a power cut would have left it
    office.station.start()
    ended = office.delivered()
    assert (ended.order, ended.outcome, "restarted" in ended.reason) == (order.id, "stopped", True)
    assert office.log[-1].action in {"release_stopped", "recorder_started"}
    assert "was used before" in office.ask(order).reason


def used_orders(office: Office) -> Path:
    return Path(office.station.config.paths.documents) / "consumed.json"


def test_a_list_of_used_orders_that_is_put_back_lets_none_be_used_again(office: Office) -> None:
    office.record(0)
    first, second = office.order(until=MINUTE), office.order(until=MINUTE)
    office.ask(first)
    office.delivered()
    before = used_orders(office).read_bytes()
    assert office.ask(second).accepted
    office.delivered()
    office.station.stop()
    used_orders(office).write_bytes(before)
    log = Path(office.station.config.paths.audit) / "audit.jsonl"
    log.unlink()  # nor does anything on the disk name it
    log.with_name("checkpoint.json").unlink()
    office.station.after_stop(60)
    office.station.start()
    assert "orders_put_back" in office.actions("orders")
    answer = office.ask(second)
    assert not answer.accepted
    assert "list of used orders was put back" in answer.reason
    later = office.order(until=MINUTE, id=new_ulid(office.station.clock.now().utc_ns + NS))
    assert office.ask(later).accepted
    office.delivered()
    office.station.stop()
    office.station.start()
    assert "was used before" in office.ask(later).reason
    assert office.actions("orders") == ["orders_put_back"]


def test_an_order_that_the_log_says_was_used_is_used_whatever_else_was_put_back(office: Office) -> None:
    office.record(0)
    slot_path, order = Path(office.station.config.paths.epoch_slot), office.order(until=MINUTE)
    before = slot_path.read_bytes()
    office.ask(order)
    office.delivered()
    office.station.stop()
    slot_path.write_bytes(before)
    used_orders(office).unlink()
    office.station.start()
    assert "was used before" in office.ask(order).reason


def test_so_it_is_when_the_log_has_begun_another_file_since(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.record(0)
    slot_path, order = Path(office.station.config.paths.epoch_slot), office.order(until=MINUTE)
    before = slot_path.read_bytes()
    office.ask(order)
    office.delivered()
    office.station.stop()
    defaults = AuditLog.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "file_bytes", 1)
    office.station.start()
    office.station.stop()
    slot_path.write_bytes(before)
    used_orders(office).unlink()
    office.station.start()
    log = Path(office.station.config.paths.audit)
    assert order.id not in (log / "audit.jsonl").read_text()
    assert "was used before" in office.ask(order).reason


def test_a_list_of_used_orders_from_before_the_slot_knew_of_it_still_counts(office: Office) -> None:
    office.record(0)
    order = office.order(until=MINUTE)
    used = [{"id": order.id, "expires_ns": START_NS + 3600 * NS, "state": "ended"}]
    office.station.stop()
    used_orders(office).write_bytes(msgspec.json.encode(used))
    office.station.start()
    assert "was used before" in office.ask(order).reason


def test_a_file_of_used_orders_that_cannot_be_read_refuses_every_order(office: Office) -> None:
    office.record(0)
    office.station.stop()
    (Path(office.station.config.paths.documents) / "consumed.json").write_bytes(b"[{")
    office.station.start()
    assert "which orders were used before cannot be read" in office.ask(office.order(until=MINUTE)).reason
