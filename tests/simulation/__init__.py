"""The simulation: phones with wrong clocks on bad lines, desks, crashes and restores, against an independent oracle.

`python -m tests.simulation --help` runs it for as long as one likes; `tests/simulation/test_simulation.py` runs a fixed
part of it every time.
"""
