"""A linearizability checker for cached reads: many clients, several servers, injected faults."""
