"""Is all well? Each part, how it is, and what to do about it. Looks at everything and changes nothing."""

from __future__ import annotations

from service import wiring
from service.doctor import machine, outside, sender, stored
from service.doctor.rows import WORDS, Row
from service.ports import OwnAddress, TextRecords
from service.settings import SettingFault, Settings

__all__ = ["Row", "check"]


def check(settings: Settings, records: TextRecords | None = None, address: OwnAddress | None = None) -> list[Row]:
    """Every part in the order in which they need each other; what hangs on something broken is left out."""
    try:
        if wiring.is_new(settings):
            return [Row("database", "off", WORDS("doctor.database.none", folder=settings.data_dir))]
        services = wiring.build(settings)
    except SettingFault as fault:
        return [Row("keys", "broken", str(fault))]
    except PermissionError as fault:
        return [Row("disk", "broken", WORDS("doctor.disk.closed", file=fault.filename))]
    try:
        answer = machine.ask(address or wiring.own_address(settings))
        rows = [*machine.address(settings, answer), *machine.proxies(settings), *machine.disk(settings)]
        rows += stored.database(services)
        stands = rows[-1].state != "broken"
        if stands:
            rows += [*stored.keys(services), *stored.parts(services), *machine.time(services, answer)]
            rows += [*stored.mails(services), *stored.addresses(services), *stored.entries(services)]
            if not any(row.part == "keys" and row.state == "broken" for row in rows):
                rows += [*outside.calendars(services), *outside.sender(services)]
        rows += [
            *outside.providers(services),
            *(outside.news(services) if stands else ()),
            *outside.broker(settings),
            *outside.mail(services),
            *(outside.mailbox(services) if stands else ()),
        ]
        return [*rows, *sender.domain(settings, records or wiring.text_records())]
    finally:
        services.database.close()
