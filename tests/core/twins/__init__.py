"""A book and the plain model, told the same things and compared after each of them."""
