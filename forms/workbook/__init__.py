"""From the file somebody sent to a `Form`: one step a module, in the order the steps are taken.

`door` looks at the bytes without opening them · `cells` reads the sheets (in the child process) · `columns` knows what a
header means · `texts` gathers translations and expressions of a row · `survey`, `lists`, `settings` make the parts of the
form · `verdicts` turns pyxform's own complaints into ours.
"""
