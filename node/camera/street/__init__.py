"""The made-up street that `node.camera.synthetic` films: what happens in it, and how it is drawn. Pure."""
