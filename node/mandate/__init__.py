"""What the law lets this node do: signed documents, who must sign them, and the hours they open."""
