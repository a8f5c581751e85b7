"""Attacks of one hostile client on a whole Morpheus, as `make run` starts it.

`make test-hostile` runs these tests. They take minutes and need a quiet machine.
"""
