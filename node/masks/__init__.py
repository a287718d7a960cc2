"""Privacy masks: polygons in sensor space, the pixels they black out, whether one set covers another. Pure."""
