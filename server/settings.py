"""Every setting of the product, read once from the environment. `docs/operate.md` explains each for operators."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from datetime import date
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta, Struct

PREFIX = "QIFANG_"


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The name in the environment is `QIFANG_` and the field in capitals."""

    data: str = "./data"
    """Folder for the SQLite file, uploaded files and the server's secret."""
    database: str = ""
    """`sqlite:///path` or `postgres://user@host:port/name`; empty means `qifang.db` in the data folder."""
    host: str = "127.0.0.1"
    """Address the server listens on."""
    port: int = 8000
    """Port the server listens on."""
    public_url: str = ""
    """Address phones and signed links use; empty means http://host:port."""
    zone: str = "Asia/Shanghai"
    """Time zone of the bureaus' working days."""
    pool_connections_max: int = 10
    """PostgreSQL connections one process keeps."""
    body_bytes_max: Annotated[int, Meta(ge=2 * 1024 * 1024)] = 8 * 1024 * 1024
    """Largest request body after decompression, 2 MiB at least, for the largest operation of a phone; files have their own limit."""
    files: Annotated[str, Meta(pattern="^(?!s3:)|^s3://[^/]")] = ""
    """Where whole files are kept: a folder, or `s3://bucket/prefix`; empty means `files` in the data folder."""
    files_endpoint: str = ""
    """Address of the S3 service when it is not Amazon's."""
    files_region: str = "us-east-1"
    """Region of the bucket."""
    files_key: str = ""
    """Access key of the bucket; empty means whatever the machine itself may use."""
    files_key_secret: str = ""
    """Secret of the access key."""
    files_virtual_host: bool = False
    """Whether the bucket's name stands in the host name of its address instead of the path."""
    file_bytes_max: int = 512 * 1024 * 1024
    """Largest uploaded file."""
    file_bytes_per_device_day_max: int = 4 * 1024**3
    """Bytes one device may announce in a day."""
    file_bytes_per_bureau_max: int = 500 * 1024**3
    """Bytes all files of one bureau may take."""
    file_missing_days: int = 3
    """After how many days a file that a record names and that has not come is listed as missing."""
    picture_pixels_max: int = 100_000_000
    """Largest picture, in pixels, of which a small one is made."""
    picture_seconds_max: int = 20
    """Longest time one small picture may take to make."""
    picture_memory_mib_max: int = 1024
    """Most memory the process that makes small pictures may take."""
    workbook_bytes_max: int = 10 * 1024 * 1024
    """Largest workbook the converter opens."""
    workbook_seconds_max: int = 30
    """Longest time the converter may take for one workbook."""
    workbook_memory_mib_max: int = 512
    """Most memory the converter may take for one workbook."""
    import_rows_max: int = 200_000
    """Most rows of one enterprise list."""
    import_bytes_max: int = 64 * 1024 * 1024
    """Largest enterprise list."""
    upload_days: int = 30
    """How long an unfinished upload is kept; at least 30."""
    upload_silent_seconds: int = 60
    """After how many seconds without a byte a part counts as cut off, so that the phone can go on."""
    uploads_per_person_max: int = 1000
    """Unfinished uploads one person may have."""
    tombstone_days: int = 180
    """How long phones can learn row by row what was deleted; one that was away longer reads everything again. At least 45."""
    session_hours: int = 12
    """How long a desk session lasts at most."""
    session_idle_minutes: int = 30
    """After how long without a request a desk session ends."""
    login_failures_max: int = 5
    """Wrong passwords before an account is locked."""
    login_lock_minutes: int = 15
    """How long a locked account stays locked."""
    password_memory_mib: int = 64
    """Memory one password check takes (argon2); more is slower for whoever guesses."""
    enrolment_hours: int = 72
    """How long an enrolment code for a phone can be used."""
    salvage_days: int = 7
    """For how many days a revoked phone may still hand in what it recorded, into quarantine, unless it is said otherwise."""
    key_requests_per_minute: int = 300
    """Requests another system may send by one key in a minute, in each process."""
    wrong_codes_per_minute: int = 30
    """Wrong enrolment codes one address may send in a minute, in each process."""
    wrong_passwords_per_minute: int = 60
    """Failed sign-ins one address may send in a minute, in each process."""
    assignments_per_commissioner_max: int = 5
    """Enterprises per commissioner above which an assignment carries a warning."""
    visit_interval_days: int = 30
    """Visits to one enterprise closer together than this carry a warning (phone calls do not)."""
    link_requests_per_minute: int = 30
    """Requests one signed link may make in a minute."""
    link_grace_days: int = 7
    """How long after a round's last day its links still take late answers, unless the round says otherwise."""
    events_streams_max: int = 5000
    """Streams of live events one process keeps open."""
    events_streams_per_device_max: int = 3
    """Streams of live events one device may hold; the oldest ends when another begins."""
    events_heartbeat_seconds: int = 25
    """How often a silent stream says that it lives."""
    events_poll_seconds: int = 5
    """How often a process with streams looks for news it was not told of, and for devices revoked."""
    events_at_once_max: int = 50
    """Devices told of one commit at once; for more the news are spread."""
    events_spread_seconds: int = 10
    """Over how long news for many devices are spread, so that they do not all pull at once."""
    syncs_at_once_max: int = 16
    """Pushes and pulls of phones one process works on at once; a quarter of the places is kept for pushes."""
    syncs_waiting_max: int = 200
    """Pushes that may wait for a place, and half as many pulls; more are asked to come again."""
    syncs_retry_seconds: int = 30
    """After about how long a phone that finds no place is asked to come again."""
    pushes_per_minute: int = 1200
    """Pushes one device may send in a minute, in each process; no phone needs so many."""
    pulls_per_minute: int = 600
    """Pages, digests and hellos one device may ask for in a minute, in each process."""
    origins: Annotated[str, Meta(pattern=r"^(https?://[^\s,/*]+(, ?https?://[^\s,/*]+)*)?$")] = ""
    """Whose web apps may call the doors of phones and RxDB from a browser: `https://app.example, https://other.example`.
    Empty: nobody else's."""
    client_version_min: str = ""
    """The oldest version of the phone app that should go on; older ones are told to update. Empty: any."""
    protocol_1_retires_on: date | None = None
    """From this day on phones that speak version 1 of the protocol are only heard, and told to update. Empty: never."""
    protocol_1_grace_days: int = 365
    """For how many days after that they may still hand in what they recorded."""
    notice_networks: str = ""
    """Private networks that notices may be sent into, as `10.1.0.0/16, 127.0.0.1/32`; empty: public addresses alone."""
    notice_seconds_max: int = 10
    """Longest time one try to send a notice may take."""
    notice_days: int = 200
    """How long notices and the log of their deliveries are kept; at least 180."""
    embedder: str = ""
    """A model that compares reports at night instead of shared characters: `package.module:name`; docs/similar.md. Empty: none."""
    log_level: str = "info"
    """debug, info, warning or error."""

    def __post_init__(self) -> None:
        _ = self.allowed_networks  # a ValueError here names the network

    @property
    def allowed_networks(self) -> list[IPv4Network | IPv6Network]:
        return [ip_network(part.strip()) for part in self.notice_networks.split(",") if part.strip()]

    @property
    def data_folder(self) -> Path:
        return Path(self.data)

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite:///{self.data_folder / 'qifang.db'}"

    @property
    def timezone(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    @property
    def origins_allowed(self) -> list[str]:
        return [origin.strip() for origin in self.origins.split(",") if origin]

    @property
    def address(self) -> str:
        return self.public_url or f"http://{self.host}:{self.port}"


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Raises `SystemExit` with one line that names the variable when a value does not fit."""
    fields = {field.name: field for field in msgspec.structs.fields(Settings)}
    given = {key[len(PREFIX) :].lower(): value for key, value in environment.items() if key.startswith(PREFIX)}
    given = {name: value for name, value in given.items() if value != "" and not name.startswith("test_")}
    for name in given:
        if name not in fields:
            raise SystemExit(f"{PREFIX}{name.upper()} is not a setting. Settings: {', '.join(sorted(fields))}")
    try:
        return msgspec.convert(given, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SystemExit(f"A setting does not fit: {error} (names carry the prefix {PREFIX})") from None


def read_secret(settings: Settings) -> bytes:
    """The server's own key for cursors and signed links: made at first use, readable by its owner alone."""
    path = settings.data_folder / "secret"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(handle, "wb") as file:
        secret = secrets.token_bytes(32)
        file.write(secret)
    return secret


settings = read_settings(os.environ)
