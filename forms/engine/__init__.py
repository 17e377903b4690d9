"""How a form's expressions are run: names, order, compiled closures, and the frames that hold one record's answers."""
