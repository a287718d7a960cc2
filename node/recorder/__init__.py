"""The keeper of sealed footage: ring, epoch keys, recovery. It has no key that opens a recording."""
