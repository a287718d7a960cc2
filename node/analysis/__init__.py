"""Masked luma in, observations and events out. Pure: no I/O, no clock, no files, no picture kept."""
