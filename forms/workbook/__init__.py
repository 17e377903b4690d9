"""The file somebody sent, as far as its cells: `door` looks at the bytes without opening them; in the converting process
`cells` reads the sheets, `columns` knows what a header means, and `lines` reads a row by column.
"""
