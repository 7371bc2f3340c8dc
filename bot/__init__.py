"""The running service: the only ring that touches network, disk, clock and environment."""
