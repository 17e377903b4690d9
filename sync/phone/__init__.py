"""The reference client; `client.py` is where to begin reading."""

from sync.phone.client import CHUNK_BYTES, Answered, Offline, OtherPerson, Phone, enrol_in

__all__ = ["CHUNK_BYTES", "Answered", "Offline", "OtherPerson", "Phone", "enrol_in"]
