"""The certification authority: values in, values out."""
