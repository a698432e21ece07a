"""Published fakes, siblings of the real engines, and a conformance suite per kind in `myna.testing.conformance`.

The fakes need no pytest; the suites do. Nothing in Myna imports this room.
"""
