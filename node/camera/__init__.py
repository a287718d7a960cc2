"""The one place where unmasked frames exist: capture, mask, encode, seal. No network, no writable disk."""
