"""What the service says and does, independent of any messenger, database or web server."""
