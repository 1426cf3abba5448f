"""Ben's calendar server: a real Radicale on loopback, with a password, filled over CalDAV like by any program."""

from __future__ import annotations

import configparser
from datetime import date
from pathlib import Path
from xml.etree import ElementTree as ET

import urllib3

from service.demo.diaries import files_of
from service.demo.programme import BEN, BENS_HOME, BENS_WORK, Diary

CALENDARS: tuple[tuple[str, str, Diary], ...] = (("work", "Work", BENS_WORK), ("home", "Home", BENS_HOME))
DAV, CALDAV = "DAV:", "urn:ietf:params:xml:ns:caldav"
ANSWER_SECONDS = 10.0


def write_config(folder: Path, port: int, password: str) -> Path:
    """Radicale's own files, readable by this user only; returns the path of its configuration."""
    folder.mkdir(mode=0o700, exist_ok=True)
    users = folder / "users"
    users.touch(mode=0o600)
    users.write_text(f"{BEN}:{password}\n", encoding="ascii")
    config = configparser.ConfigParser(interpolation=None)
    config["server"] = {"hosts": f"127.0.0.1:{port}"}
    config["auth"] = {"type": "htpasswd", "htpasswd_filename": str(users), "htpasswd_encryption": "plain"}
    config["rights"] = {"type": "owner_only"}
    config["storage"] = {"filesystem_folder": str(folder / "collections")}
    config["web"] = {"type": "none"}
    config["logging"] = {"level": "error"}
    path = folder / "config"
    with path.open("w", encoding="utf-8") as file:
        config.write(file)
    return path


def fill(port: int, password: str, made_on: date) -> None:
    """Makes the calendars and puts every event into them. Repeatable: the same event is put in the same place."""
    pool = urllib3.HTTPConnectionPool("127.0.0.1", port, timeout=ANSWER_SECONDS, retries=False)
    headers = urllib3.make_headers(basic_auth=f"{BEN}:{password}")
    for key, name, diary in CALENDARS:
        if pool.request("PROPFIND", f"/{BEN}/{key}/", headers={**headers, "Depth": "0"}).status == 404:
            made = pool.request("MKCALENDAR", f"/{BEN}/{key}/", body=_mkcalendar(name), headers=headers)
            _expect(made, "MKCALENDAR")
        for uid, calendar in files_of(diary, made_on):
            typed = {**headers, "Content-Type": "text/calendar; charset=utf-8"}
            _expect(pool.request("PUT", f"/{BEN}/{key}/{uid}.ics", body=calendar.to_ical(), headers=typed), "PUT")


def _mkcalendar(name: str) -> bytes:
    """RFC 4791 5.3.1: a calendar for events, with its name."""
    root = ET.Element(f"{{{CALDAV}}}mkcalendar")
    properties = ET.SubElement(ET.SubElement(root, f"{{{DAV}}}set"), f"{{{DAV}}}prop")
    ET.SubElement(properties, f"{{{DAV}}}displayname").text = name
    components = ET.SubElement(properties, f"{{{CALDAV}}}supported-calendar-component-set")
    ET.SubElement(components, f"{{{CALDAV}}}comp", name="VEVENT")
    body: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return body


def _expect(answer: urllib3.BaseHTTPResponse, verb: str) -> None:
    if not 200 <= answer.status < 300:
        raise RuntimeError(f"the demo's calendar server answered {answer.status} to {verb}")
