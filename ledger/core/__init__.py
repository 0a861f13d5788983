"""The rules: amounts, currencies, accounts, transfers, limits, refusals and the Book.

Pure: nothing here waits, reads a clock, draws a number or knows where it is kept.
"""
