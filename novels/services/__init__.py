"""Every write to novels; callers open the transaction as a user (`write_transaction`)."""
