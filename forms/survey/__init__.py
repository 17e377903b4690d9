"""What the author asks: rows of the `survey` and `choices` sheets → questions, groups, repeats and lists.

`vocabulary` and `parameters` hold the words of XLSForm, `lists` the choices, `choosing` which list a question takes, `question` one row,
`nesting` the whole sheet.
"""
