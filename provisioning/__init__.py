"""What happens before a node hangs on its pole: keys, signed documents, the demo. Imports no daemon."""
