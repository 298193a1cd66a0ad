"""The shape by which a line is cut out of its page.

    auto      the polygon, or the baseline if the polygon cuts through letters
    polygon   the polygon
    baseline  a band around the baseline, as high as the distance between the lines allows
    box       the rectangle around the line, with what is seen of its neighbours

A line that lacks the shape is cut out by another that it has.
"""

from typing import Literal

Crop = Literal["auto", "polygon", "baseline", "box"]
