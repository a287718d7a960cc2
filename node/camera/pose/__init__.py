"""The pose lock: whether the camera still looks where its masks were drawn.

It sees masked pictures alone. `structure` reads edges, `landmarks` chooses those that stay, `matching` finds them
again, `judgement` decides over time, `lock` is what the pipeline asks; `kept` opens the sealed reference.
"""
