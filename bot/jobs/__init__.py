"""Work that nobody asked for just now: reminders, deliveries, CRL publication, clean-up."""
