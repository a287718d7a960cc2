"""`stolpe demo`: a whole node on this machine, with a broker, an office and everybody's keys. Never for a pole."""
