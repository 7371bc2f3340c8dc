"""Channel adapters: payload to Incoming and Reply to payload, both directions pure."""
