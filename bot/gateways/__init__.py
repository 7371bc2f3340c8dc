"""The outside world behind small Protocols: SMS and the bank."""
