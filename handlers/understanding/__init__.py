"""Free text to the label it most likely means."""
