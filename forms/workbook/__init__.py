"""From the file somebody sent to a `Form`: one step a module, in the order the steps are taken.

`door` looks at the bytes without opening them · `cells` reads the sheets (from here on in the converting process) · `columns`
knows what a header means, `lines` reads a row by column · `vocabulary` and `parameters` hold the words of XLSForm · `lists`,
`choosing`, `question`, `survey`, `settings`, `entities` and `outputs` make the parts of the form · `verdicts` turns pyxform's
own complaints into ours · `build` does it all and answers an `outcome`.
"""
