"""The other end: what the offices do with what nodes deliver. Imports the node's formats, never its daemons."""
