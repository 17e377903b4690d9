"""Agreement between offline phones and one server: docs/sync.md is the protocol, `phone.py` its other half."""
