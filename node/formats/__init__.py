"""Bytes and schemas: what is on the disk, in a bundle, on the wire. No files, no clock. FORMAT.md is the standard."""
