"""What one hostile client can do to a whole Morpheus, as `make run` starts it.

`make test-hostile` runs these tests; they take minutes, and want a quiet machine.
"""
