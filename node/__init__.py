"""What runs on the pole. Imports run down the floors of ARCHITECTURE.md, never up or sideways."""
