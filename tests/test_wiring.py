"""What services are made of: keys that are made once, a broker's address that fits, adapters by provider."""

import os
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from integrations.caldav_calendar import CalDav
from integrations.ics_feed import IcsFeed
from integrations.maildir_mail import MaildirMailer
from integrations.smtp_mail import SmtpMailer
from service import wiring
from service.data_folder import with_keys
from service.settings import SettingFault, Settings, load
from service.wiring import broker_socket, build


@pytest.fixture
def bare(tmp_path):
    return Settings(data_dir=tmp_path / "data")


def test_keys_are_made_on_the_first_run_and_kept(bare):
    made = with_keys(bare)
    assert len(made.secret_keys[0]) >= 48
    assert with_keys(bare) == made
    assert stat.S_IMODE((bare.data_dir / "secret_keys").stat().st_mode) == 0o600
    assert stat.S_IMODE(bare.data_dir.stat().st_mode) == 0o700


def test_processes_that_start_together_end_with_the_same_keys(bare):
    found, gate = set(), threading.Barrier(8)

    def start():
        gate.wait()
        found.add(with_keys(bare).secret_keys)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 1
    assert os.listdir(bare.data_dir) == ["secret_keys"]


def test_a_database_whose_keys_are_gone_gets_no_new_ones(bare):
    with_keys(bare)
    (bare.data_dir / "greenroom.db").touch()
    (bare.data_dir / "secret_keys").unlink()
    with pytest.raises(SettingFault, match="secret_keys is gone"):
        with_keys(bare)


def test_keys_that_are_given_are_not_written_down(settings):
    assert with_keys(settings) is settings
    assert not (settings.data_dir / "secret_keys").exists()


def test_mail_goes_to_the_local_mailbox_until_a_server_is_given(bare):
    kept = build(bare)
    assert isinstance(kept.mailer, MaildirMailer)
    kept.database.close()
    sent = build(load({"GREENROOM_DATA_DIR": str(bare.data_dir), "GREENROOM_SMTP_URL": "smtp://mail.example.org"}))
    assert isinstance(sent.mailer, SmtpMailer)
    sent.database.close()


def test_each_provider_has_its_adapter(bare):
    services = build(bare)
    assert isinstance(services.calendars("ics", "https://example.org/a.ics", None, None), IcsFeed)
    assert isinstance(services.calendars("caldav", "https://example.org", "ana", "secret"), CalDav)
    services.database.close()


def test_people_are_sent_only_to_providers_that_are_configured(bare):
    services = build(bare)
    assert (list(services.authorizers), "google" in services.authorizers) == ([], False)
    services.database.close()


def test_googles_client_is_loaded_by_whoever_reads_its_calendars_and_by_no_one_else(tmp_path):
    """In a process of its own: this one has loaded it for other tests."""
    code = """
import sys
from service import provider_wiring, wiring
from service.settings import load
client = {"GREENROOM_GOOGLE_CLIENT_ID": "an-id", "GREENROOM_GOOGLE_CLIENT_SECRET": "s"}
services = wiring.build(load({"GREENROOM_DATA_DIR": sys.argv[1], **client}))
assert list(services.authorizers) == ["google"]
assert services.authorizers["google"] is services.authorizers["google"]
services.authorizers["google"].begin("busy", "https://meet.example.org/back", None)
assert not [name for name in sys.modules if name.startswith(("googleapiclient", "httplib2"))]
provider_wiring.warm(services.settings)
assert "googleapiclient" in sys.modules
services.database.close()
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)


def test_the_demos_clock_is_ahead_by_what_its_file_says(bare):
    services = build(replace(bare, demo=True))
    (bare.data_dir / "clock").write_text("172800.0")
    ahead = services.clock() - wiring.utc_now()
    assert timedelta(days=2, seconds=-5) < ahead <= timedelta(days=2)
    services.database.close()
    real = build(bare)
    assert abs(real.clock() - wiring.utc_now()) < timedelta(seconds=5)
    real.database.close()


def test_a_deep_folder_gets_a_short_socket_that_nobody_else_can_reach(tmp_path, monkeypatch):
    deep = Settings(data_dir=tmp_path / ("deep" * 30))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    socket = broker_socket(deep)
    assert len(str(socket)) < 104
    assert socket == broker_socket(deep)
    assert socket != broker_socket(replace(deep, data_dir=tmp_path / ("deep" * 31)))
    (tmp_path / "run").chmod(0o755)
    with pytest.raises(SettingFault, match="others can open"):
        broker_socket(deep)
