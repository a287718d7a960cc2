"""What only the named persons can open: authenticated encryption, key files, wraps. No primitive of our own."""
