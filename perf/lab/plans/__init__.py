"""Proof that every list has its index, and every statement its plan."""
