"""From cells to a form that can be published, or to every complaint at once: `build` does it all and answers an `outcome`.

`settings`, `entities` and `outputs` read the rest of the form; `verdicts` turns pyxform's own complaints into ours.
"""
